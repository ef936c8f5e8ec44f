"""What only a moment can bring about: here the transaction is a stand-in that chooses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest

from app.engines.in_step import Company, Dissolved, Member
from app.engines.session import Row, Session, nobody
from tests.waiting import eventually, soon


class Line(Session):
    """Does nothing, and then what the test wants to happen just before the answer is there."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then, self.outcomes, self.asked = then, list[str](), list[tuple[Any, ...]]()

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        raise NotImplementedError

    async def run(self, sql: str, *values: Any) -> int:
        self.asked.append((sql, *values))
        await asyncio.sleep(0)
        if sql == "the last":
            self._then()
        return 1

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        try:
            yield self
        except BaseException:
            self.outcomes.append("undone")
            raise
        self.outcomes.append("committed")


def nothing() -> None:
    pass


async def test_companies_of_all_workers_lock_in_the_same_order() -> None:
    company, line = Company(4), Line(nothing)

    async def lock(session: Session, statement: str, person: str) -> None:
        await session.run(statement, person)

    asks = [("two", "bob"), ("one", "eve"), ("two", "ann"), ("one", "dan")]
    units = [asyncio.create_task(Member(company, nobody).go(partial(lock, statement=s, person=p))) for s, p in asks]
    await company.lead(line.transaction())
    await asyncio.gather(*units)

    assert line.asked == sorted(asks)


async def test_a_unit_that_asks_twice_at_once_keeps_nobody() -> None:
    company, line = Company(2), Line(nothing)

    async def ask_twice(session: Session) -> tuple[int, int]:
        first, second = await asyncio.gather(session.run("a"), session.run("b"))
        return first, second

    async def ask_once(session: Session) -> int:
        return await session.run("c")

    twice = asyncio.create_task(Member(company, nobody).go(ask_twice))
    once = asyncio.create_task(Member(company, nobody).go(ask_once))
    async with soon():
        # Three statements wait of two units before their leader has had a look.
        await eventually(lambda: len(company._asks) == 3)
        await company.lead(line.transaction())
        assert (await twice, await once) == ((1, 1), 1)

    assert line.outcomes == ["committed"]


async def test_what_happens_afterwards_happens_in_the_name_of_its_unit() -> None:
    name, told = ContextVar("name", default="nobody"), list[str]()
    company = Company(2)

    async def come(person: str) -> None:
        name.set(person)
        await Member(company, nobody).go(tell_it)

    async def tell_it(session: Session) -> None:
        await session.run("it")
        session.after_commit(lambda: told.append(name.get()))

    coming = [asyncio.create_task(come(person)) for person in ("ann", "bob")]
    await company.lead(Line(nothing).transaction())
    await asyncio.gather(*coming)

    assert sorted(told) == ["ann", "bob"]


async def test_who_is_cancelled_as_the_answer_comes_has_not_come_to_the_end() -> None:
    company = Company(2)

    async def ends_soon(session: Session) -> None:
        await session.run("the first")

    async def is_cancelled(session: Session) -> None:
        await session.run("the first")
        await session.run("the last")
        await session.run("never")

    victim = asyncio.create_task(Member(company, nobody).go(is_cancelled))
    other = asyncio.create_task(Member(company, nobody).go(ends_soon))
    line = Line(victim.cancel)
    await company.lead(line.transaction())

    assert line.outcomes == ["undone"]
    with pytest.raises(Dissolved):
        await other
    with pytest.raises(asyncio.CancelledError):
        await victim
