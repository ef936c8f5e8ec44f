"""Those who come while everybody is at work, so that they go together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.db import Database, Session
from app.engines.in_step import COMPANIES_MAX
from tests.waiting import soon

INSERT = "INSERT INTO things (id) VALUES ($1)"
MARK = "UPDATE things SET yes = true WHERE id = $1"


class Mistake(Exception):
    """Of a unit's own."""


@dataclass
class Crowd:
    db: Database
    at_work: list[asyncio.Task[None]]
    over: asyncio.Event
    # What happens when the first of those at work has come to its end.
    effects: list[Callable[[], None]]
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def comes(self, person: str, unit: Callable[[Session], Awaitable[Any]]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.create_task(self.db.transact(unit, of=person)))
        return self.tasks[-1]

    async def sets_out(self) -> None:
        await asyncio.sleep(0)
        self.over.set()

    async def goes(self) -> list[Any]:
        await self.sets_out()
        async with soon():
            await asyncio.gather(*self.at_work)
            return await asyncio.gather(*self.tasks, return_exceptions=True)


@asynccontextmanager
async def gathering(db: Database) -> AsyncIterator[Crowd]:
    """As many units as may go at once are in the middle of their work until it is over; on SQLite that is one."""
    over, begun = asyncio.Event(), asyncio.Semaphore(0)
    effects: list[Callable[[], None]] = []

    async def work(session: Session) -> None:
        await session.rows("SELECT 1")
        begun.release()
        await over.wait()
        session.after_commit(lambda: effects.pop()() if effects else None)

    number = COMPANIES_MAX if db.kind == "postgres" else 1
    at_work = [asyncio.create_task(db.transact(work, of=f"at work {place}")) for place in range(number)]
    async with soon():
        for _ in at_work:
            await begun.acquire()
    yield Crowd(db, at_work, over, effects)
    over.set()
    await asyncio.gather(*at_work)


def only_postgres(db: Database) -> None:
    if db.kind != "postgres":
        pytest.skip("It is about Postgres.")


async def add(session: Session, number: int) -> int:
    await session.run(INSERT, number)
    return await mark(session, number)


async def mark(session: Session, number: int) -> int:
    return await session.run(MARK, number)


async def add_some(db: Database, number: int) -> None:
    async with db.begin() as session:
        for one in range(number):
            await session.run(INSERT, one)
