"""The service, which knows its own address, beside a till of another origin, as Stripe is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from socket import socket

import pytest
import pytest_asyncio
from starlette.applications import Starlette

from app.services import Services
from app.settings import Settings
from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.till import SANDBOX_KEY, Till, Webhook
from tests.billing.ordering import stock
from tests.conftest import settings_for
from tests.fakes.clock import FakeClock
from tests.live import serve

SECRET = "whsec_for_the_pages_of_billing"


@pytest_asyncio.fixture
async def till(clock: FakeClock) -> AsyncIterator[Till]:
    """A bank debit waits until the test says how it ends."""
    async with Till(clock=clock, retry_seconds=(0, 0, 0)) as till:
        yield till


@pytest_asyncio.fixture
async def till_url(till: Till) -> AsyncIterator[str]:
    async with serve(sandbox(till)) as url:
        yield url


@pytest.fixture
def door() -> Iterator[socket]:
    with socket() as door:
        door.bind(("127.0.0.1", 0))
        yield door


@pytest.fixture
def settings(database_url: str, till_url: str, door: socket) -> Settings:
    return settings_for(
        database_url,
        registrations_per_hour=1000,
        frontend_url=f"http://127.0.0.1:{door.getsockname()[1]}",
        stripe_secret_key=SANDBOX_KEY,
        stripe_api_base=till_url,
        stripe_webhook_secret=SECRET,
    )


@pytest_asyncio.fixture
async def live_url(app: Starlette, door: socket, services: Services) -> AsyncIterator[str]:
    await stock(services)
    async with serve(app, at=door) as url:
        yield url


@pytest.fixture
def hooked(till: Till, live_url: str) -> None:
    """Webhooks arrive; a test that does without this loses them all."""
    till.send_to(Webhook(f"{live_url}/api/billing/webhook", SECRET))
