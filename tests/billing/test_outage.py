"""P6: the database is away while somebody pays. No webhook is taken then, and none is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from app.billing.reconcile import reconcile
from app.engines.group_commit import LOCK_WAIT_SECONDS
from app.stripe_sandbox.till import Till
from tests.billing.buying import STARTER, WELCOME, Buyer
from tests.databases import Databases
from tests.fakes.clock import FakeClock
from tests.figures import DEEP
from tests.own_postgres import OwnPostgres
from tests.waiting import eventually

# A file that is locked is waited for first, as an operator's command may hold it for a moment.
AWAY_SECONDS = {"postgres": 60 if DEEP else 3, "sqlite": 60 if DEEP else LOCK_WAIT_SECONDS + 1}


@pytest.fixture
def database_url(databases: Databases, own: OwnPostgres | None, tmp_path: Path) -> str:
    return (own.databases if own else databases).fresh(tmp_path)


@pytest_asyncio.fixture
async def till(clock: FakeClock) -> AsyncIterator[Till]:
    """It tries again every second, as long as it may take."""
    async with Till(clock=clock, retry_seconds=(1,) * 100) as till:
        yield till


@asynccontextmanager
async def away(own: OwnPostgres | None, database_url: str) -> AsyncIterator[None]:
    if own:
        await asyncio.to_thread(own.stop, "immediate" if DEEP else "fast")
        yield
        await asyncio.to_thread(own.start)
    else:
        other = sqlite3.connect(database_url.partition(":///")[2], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()
        other.close()


async def test_a_payment_while_the_database_is_away_is_refused_until_it_is_back_and_granted_once(
    buyer: Buyer, hooked: None, databases: Databases, own: OwnPostgres | None, database_url: str
) -> None:
    begun = await buyer.begin()
    await buyer.till.settled()
    before = len(buyer.till.deliveries())

    async with away(own, database_url):
        buyer.till.pay(begun["sessionId"])
        await asyncio.sleep(AWAY_SECONDS[databases.kind])
        await eventually(lambda: len(buyer.till.deliveries()) > before)
        meanwhile = [delivery["status"] for delivery in buyer.till.deliveries()[before:]]
    await buyer.till.settled()

    # Those that wait for a locked file in a long row are left by the till before they are answered.
    assert 503 in meanwhile
    assert set(meanwhile) <= {503, None}
    told = [delivery["status"] for delivery in buyer.till.deliveries()]
    assert told.count(200) == len(buyer.till.events()), "each event was taken, and none of them twice"
    assert await buyer.kinds() == [("purchase", STARTER)]
    assert await buyer.balance() == WELCOME + STARTER
    report = await reconcile(buyer.services.shop, buyer.services.inbox)
    assert (report.did, report.wrong) == ([], [])
