from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from app.db import Database, DatabaseUnavailable, Result, Session, Work
from app.ledger import audit
from app.metering.meter import Meter
from app.observability.metrics import Metrics
from tests.ledger.conftest import person


class TroubledDatabase(Database):
    """Refuses units while it is down, has them wait, and can keep the answer of a commit to itself, as a bad network
    does.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.down = False
        self.refused, self.committed, self.answers = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.answers.set()
        self.takes_units = asyncio.Event()
        self.takes_units.set()
        self.tasks: set[asyncio.Task[Any] | None] = set()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Session]:
        async with self._trouble(), super().begin() as session:
            yield session

    async def run(self, unit: Work[Result], of: str | None) -> Result:
        async with self._trouble():
            return await super().run(unit, of)

    @asynccontextmanager
    async def _trouble(self) -> AsyncIterator[None]:
        self.tasks.add(asyncio.current_task())
        if self.down:
            self.refused.set()
            raise DatabaseUnavailable
        await self.takes_units.wait()
        yield
        self.committed.set()
        await self.answers.wait()


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[TroubledDatabase]:
    """Whatever a reply did, afterwards the books are whole and nothing is held."""
    db = TroubledDatabase(database_url)
    await db.open()
    yield db
    async with db.read() as session:
        broken = await audit.differences(session)
        held = await session.rows("SELECT user_id FROM ledger_accounts WHERE held > 0")
    await db.close()
    assert (broken, held) == ([], [])


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def meter(db: TroubledDatabase, metrics: Metrics) -> Meter:
    return Meter(db, metrics)


@pytest_asyncio.fixture
async def ann(db: TroubledDatabase) -> str:
    return await person(db, "ann", 1000)
