"""The whole service beside a till that speaks Stripe's protocol, each on a socket of its own, with Stripe's own SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import Mount

from app.services import Services
from app.settings import Settings
from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.till import SANDBOX_KEY, Till, Webhook
from tests.billing.buying import SECRET, Buyer
from tests.billing.line import Line
from tests.billing.ordering import stock
from tests.conftest import Person, Register, settings_for
from tests.fakes.clock import FakeClock
from tests.live import serve


@pytest_asyncio.fixture
async def till(clock: FakeClock) -> AsyncIterator[Till]:
    async with Till(clock=clock, retry_seconds=(0, 0, 0)) as till:
        yield till


@pytest.fixture
def line(till: Till) -> Line:
    """For a test that wants it, what is between us and the till."""
    return Line(till)


@pytest_asyncio.fixture
async def till_url(till: Till, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    has_line = "line" in request.fixturenames
    app = Starlette(routes=[Mount("/", request.getfixturevalue("line"))]) if has_line else sandbox(till)
    async with serve(app) as url:
        yield url


@pytest.fixture
def more_settings() -> dict[str, Any]:
    return {}


@pytest.fixture
def settings(database_url: str, till_url: str, more_settings: dict[str, Any]) -> Settings:
    stripe = {"stripe_secret_key": SANDBOX_KEY, "stripe_api_base": till_url, "stripe_webhook_secret": SECRET}
    return settings_for(database_url, **{**stripe, **more_settings})


@pytest_asyncio.fixture
async def hooked(app: Starlette, till: Till, services: Services, live_url: str) -> None:
    """Webhooks arrive; a test that does without this loses them all."""
    till.send_to(Webhook(f"{live_url}/api/billing/webhook", SECRET))


@pytest_asyncio.fixture
async def buyer(client: Any, services: Services, till: Till, ann: Person) -> Buyer:
    await stock(services)
    return Buyer(client, services, till, ann)


@pytest_asyncio.fixture
async def other(client: Any, services: Services, till: Till, register: Register) -> Buyer:
    return Buyer(client, services, till, await register("bob@example.com"))
