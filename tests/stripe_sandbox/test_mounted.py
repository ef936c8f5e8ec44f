"""The till is inside our server for whoever has no key, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.routing import Mount

from app.main import create_app
from app.settings import Settings
from app.stripe_sandbox.mounting import folder
from app.stripe_sandbox.till import SANDBOX_KEY, Till
from tests.conftest import settings_for

PATHS = ("/_stripe", "/_stripe/v1/customers", "/_stripe/c/pay/cs_1", "/_stripe/dev", "/_stripe/style.css")
LIVE = {
    "environment": "production",
    "jwt_secret": "a secret of this test that is long enough",
    "frontend_url": "http://app",
    "bcrypt_cost": 10,
}


@asynccontextmanager
async def opened(settings: Settings, till: Till | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings, till=till)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://app") as client:
            yield client


async def test_without_a_key_the_till_is_there(database_url: str) -> None:
    async with opened(settings_for(database_url)) as client:
        page = await client.get("/_stripe/dev")
        made = await client.post("/_stripe/v1/customers", headers={"Authorization": f"Bearer {SANDBOX_KEY}"})

    assert page.status_code == 200
    assert made.json()["id"].startswith("cus_")


async def test_its_pages_keep_their_own_strict_policy(database_url: str) -> None:
    async with opened(settings_for(database_url)) as client:
        page = await client.get("/_stripe/dev")

    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "settings",
    [
        LIVE,
        {"stripe_sandbox": "off"},
        {"stripe_secret_key": "sk_test_of_my_own", "stripe_webhook_secret": "whsec_1"},
        {"stripe_secret_key": SANDBOX_KEY, "stripe_api_base": "http://127.0.0.1:4242"},
    ],
    ids=["production", "off", "a key of one's own", "a till elsewhere"],
)
async def test_otherwise_every_path_of_it_is_a_404(database_url: str, settings: dict[str, Any]) -> None:
    async with opened(settings_for(database_url, **settings)) as client:
        answers = [await client.request(method, path) for path in PATHS for method in ("GET", "POST")]

    assert {answer.status_code for answer in answers} == {404}


async def test_a_till_that_is_handed_over_takes_its_place(database_url: str) -> None:
    till = Till()
    async with opened(settings_for(database_url), till) as client:
        made = await client.post("/_stripe/v1/customers", headers={"Authorization": f"Bearer {SANDBOX_KEY}"})

        assert till.books.find("customer", made.json()["id"])


async def test_links_of_the_till_are_at_the_public_address(database_url: str) -> None:
    async with opened(settings_for(database_url, frontend_url="http://app")) as client:
        headers = {"Authorization": f"Bearer {SANDBOX_KEY}"}
        customer = (await client.post("/_stripe/v1/customers", headers=headers)).json()["id"]
        portal = await client.post("/_stripe/v1/billing_portal/sessions", headers=headers, data={"customer": customer})
        page = await client.get(portal.json()["url"])

    assert portal.json()["url"].startswith("http://app/_stripe/p/session/bps_")
    assert "You have no plan." in page.text


def test_to_build_a_server_writes_no_file(tmp_path: Path) -> None:
    app = create_app(settings_for(f"sqlite:///{tmp_path}/prome.db", environment="development"))

    assert any(isinstance(route, Mount) and route.path == "/_stripe" for route in app.routes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "where"),
    [("sqlite:////srv/prome/it.db", "/srv/prome"), ("sqlite:///data/prome.db", "data"), ("postgres://a:b@c/d", "data")],
)
def test_its_file_lies_beside_the_database(url: str, where: str) -> None:
    assert folder(settings_for(url)) == Path(where)
