"""One handle on the database: `async with db.begin() as session` is a unit of work, all of it or nothing.

Domain functions take a session and never open one; whoever composes them opens the transaction.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import asyncpg
from sqlalchemy.types import UserDefinedType

from app.engines.in_step import Dissolved
from app.engines.postgres import PostgresEngine
from app.engines.session import (
    ConstraintViolated,
    DatabaseUnavailable,
    Listener,
    LockedOut,
    LostRace,
    Model,
    Reshaped,
    Result,
    Row,
    Session,
    Work,
    as_moment,
    nobody,
)
from app.engines.sqlite import DatabaseInUse, SqliteEngine

__all__ = [
    "ConstraintViolated",
    "Database",
    "DatabaseInUse",
    "DatabaseUnavailable",
    "Listener",
    "LockedOut",
    "LostRace",
    "Model",
    "Result",
    "Row",
    "Session",
    "UtcTime",
    "Work",
    "as_moment",
]

ATTEMPTS_MAX = 5
RETRY_SECONDS = 0.01
WORTH_A_RETRY = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, LostRace, Reshaped)


class UtcTime(UserDefinedType[Any]):
    """The one column type for times: always aware, always UTC, named alike on both engines."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TIMESTAMPTZ"


class Database:
    def __init__(self, url: str, listener: Listener = nobody) -> None:
        """Takes the normalised URL of the settings: `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`."""
        self._engine = (
            SqliteEngine(url.partition(":///")[2], listener)
            if url.startswith("sqlite")
            else PostgresEngine(url.replace("+asyncpg", "", 1), listener)
        )

    @property
    def kind(self) -> str:
        return self._engine.kind

    async def open(self, *, exclusive: bool = False) -> None:
        await self._engine.open(exclusive=exclusive)

    async def close(self) -> None:
        await self._engine.close()

    async def require_a_word(self, seconds: float) -> None:
        """Before a server stops: one that hangs is broken off, or all that has to be closed would wait for it."""
        asking = asyncio.create_task(self._say_a_word())
        await asyncio.wait({asking}, timeout=seconds)
        if not asking.done():
            self._engine.break_off()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    def begin(self) -> AbstractAsyncContextManager[Session]:
        """Commits on the way out and returns when that is durable; any exception undoes the whole unit."""
        return self._engine.begin()

    def begin_apart(self) -> AbstractAsyncContextManager[Session]:
        """The same for what must not queue up behind others: on Postgres by a connection that is kept for it."""
        return self._engine.begin_apart()

    def read(self) -> AbstractAsyncContextManager[Session]:
        """For looking only. Each statement sees what was committed when it began."""
        return self._engine.read()

    def glance(self) -> AbstractAsyncContextManager[Session]:
        """For a few rows found by their keys: on SQLite without a thread, which takes longer than the look itself."""
        return self._engine.glance()

    async def transact(self, unit: Work[Result], *, of: str | None = None) -> Result:
        """Runs a unit that may meet a deadlock again from its start; it must be the same unit by reference. One that
        touches the rows of one person alone says whose: on Postgres it may then share a commit with those of others.
        """
        for attempt in range(1, ATTEMPTS_MAX):
            try:
                return await self.run(unit, of)
            except WORTH_A_RETRY:
                await asyncio.sleep(RETRY_SECONDS * 2**attempt * random.random())
        return await self.run(unit, of)

    async def run(self, unit: Work[Result], of: str | None) -> Result:
        """Once, in company where there is one, or else by itself."""
        if of is not None:
            with suppress(Dissolved):
                return await self._engine.in_step(unit, of)
        async with self.begin() as session:
            return await unit(session)

    async def _say_a_word(self) -> None:
        async with self.begin_apart() as session:
            await session.rows("SELECT 1")

    async def ping(self) -> None:
        async with self.read() as session:
            await session.rows("SELECT 1")
