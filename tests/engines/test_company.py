"""What only a moment can bring about: here the transaction is a stand-in that chooses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.engines.in_step import Company, Dissolved, Member
from app.engines.session import Row, Session, nobody


class Line(Session):
    """Does nothing, and then what the test wants to happen just before the answer is there."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then, self.outcomes = then, list[str]()

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        raise NotImplementedError

    async def run(self, sql: str, *values: Any) -> int:
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
