"""Alive, ready, counted: what an operator's machines ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from app.main import create_app
from app.services import Services
from app.settings import Settings
from tests.conftest import Person, settings_for
from tests.edge.rows import asking, running

ROOT = Path(__file__).parents[1]


async def test_it_says_that_it_lives_and_is_ready(client: httpx2.AsyncClient) -> None:
    alive, ready = await client.get("/healthz"), await client.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    checks = {"database": "ok", "tokenizer": "ok"}
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "checks": checks})


async def test_without_its_tokenizer_it_is_ready_and_says_so(database_url: str, tmp_path: Path) -> None:
    async with running(settings_for(database_url, assets_dir=str(tmp_path))) as app, asking(app) as client:
        ready = await client.get("/readyz")

    assert (ready.status_code, ready.json()["checks"]["tokenizer"]) == (200, "estimate")


async def test_without_its_database_it_lives_and_is_not_ready(settings: Settings) -> None:
    """The Postgres of this URL is not there; nothing listens on port 1."""
    gone = settings_for("postgresql://nobody:none@127.0.0.1:1/nothing")
    app = create_app(gone)

    async with asking(app) as client:
        alive, ready = await client.get("/healthz"), await client.get("/readyz")

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert int(ready.headers["retry-after"]) >= 1


async def test_what_was_asked_is_counted_by_route_and_not_by_address(client: httpx2.AsyncClient, ann: Person) -> None:
    for path in ("/api/billing/usage/one", "/api/billing/usage/two", "/no-such-page"):
        await client.get(path, headers=ann.headers)

    counted = (await client.get("/metrics")).text

    assert 'prome_requests_total{method="GET",route="/api/billing/usage/{usage_id}",status="404"} 2.0' in counted
    assert 'prome_requests_total{method="GET",route="(none)",status="404"} 1.0' in counted
    assert "no-such-page" not in counted


async def test_tokens_that_are_charged_are_counted(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    services.metrics.tokens_charged.inc(42)

    assert "prome_tokens_charged_total 42.0" in (await client.get("/metrics")).text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
async def test_numbers_are_for_this_machine_and_not_for_whom_a_proxy_asks(
    client: httpx2.AsyncClient, header: str
) -> None:
    direct = await client.get("/metrics")
    through_a_proxy = await client.get("/metrics", headers={header: "203.0.113.9"})

    assert (direct.status_code, through_a_proxy.status_code) == (200, 404)


async def test_numbers_are_not_for_another_machine(settings: Settings) -> None:
    async with running(settings) as app:
        transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 5000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://app") as client:
            answer = await client.get("/metrics")

    assert answer.status_code == 404


async def test_with_a_token_set_only_its_bearer_sees_the_numbers(database_url: str) -> None:
    async with running(settings_for(database_url, metrics_token="let-me-see")) as app, asking(app) as client:
        without = await client.get("/metrics")
        wrong = await client.get("/metrics", headers={"Authorization": "Bearer let-me-sea"})
        right = await client.get("/metrics", headers={"Authorization": "Bearer let-me-see"})

    assert (without.status_code, wrong.status_code, right.status_code) == (404, 404, 200)


STARTS = """
import asyncio, gc
from app import migrations
from app.main import from_environment
from app.settings import read_settings

async def run():
    await migrations.upgrade(read_settings().database_url)
    app = from_environment()
    async with app.router.lifespan_context(app):
        print(len(gc.get_objects()), gc.get_freeze_count())

asyncio.run(run())
"""


def test_a_server_does_not_look_for_garbage_in_what_stays_to_its_end(tmp_path: Path) -> None:
    """Or all its replies would stand still for a tenth of a second now and again."""
    surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LOCAL_MODEL": "off"}
    said = subprocess.run(
        [sys.executable, "-c", STARTS], cwd=tmp_path, env=surroundings, capture_output=True, check=True
    )
    looked_through, left_alone = map(int, said.stdout.split())

    assert looked_through * 20 < left_alone
