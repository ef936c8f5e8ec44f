from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
import stripe

from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.till import Till, Webhook
from tests.fakes.clock import FakeClock
from tests.live import serve
from tests.stripe_sandbox.inbox import SECRET, Inbox
from tests.stripe_sandbox.sdk import sdk


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest_asyncio.fixture
async def till(inbox: Inbox, clock: FakeClock) -> AsyncIterator[Till]:
    """Its webhooks go to the inbox, and it never lets a test wait."""
    async with serve(inbox.app) as url, Till(clock=clock, retry_seconds=(0, 0, 0)) as till:
        till.send_to(Webhook(f"{url}/hook", SECRET))
        yield till


@pytest_asyncio.fixture
async def till_url(till: Till) -> AsyncIterator[str]:
    async with serve(sandbox(till)) as url:
        yield url


@pytest_asyncio.fixture
async def client(till_url: str) -> AsyncIterator[stripe.StripeClient]:
    async with sdk(till_url) as client:
        yield client


@pytest_asyncio.fixture
async def browser(till_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Without scripts, and it shows where it is sent instead of going there."""
    async with httpx2.AsyncClient(base_url=till_url, trust_env=False) as browser:
        yield browser
