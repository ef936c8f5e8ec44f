"""What it does to the others when one of them fails: nothing that they would notice."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import pytest

from app.db import ConstraintViolated, Database, Session
from app.engines import postgres
from app.engines.in_step import COMPANIES_MAX
from tests.engines.conftest import ids
from tests.engines.crowd import INSERT, MARK, Crowd, Mistake, add, gathering, only_postgres
from tests.waiting import soon

# For a unit that waits for nothing.
LONG_ENOUGH_SECONDS = 0.2


async def test_who_gives_up_before_writing_leaves_the_others_as_they_are(crowd: Crowd) -> None:
    runs: list[int] = []

    async def write(session: Session, number: int) -> None:
        runs.append(number)
        await add(session, number)

    async def give_up(session: Session) -> None:
        runs.append(-1)
        await session.run(MARK, 999)
        raise Mistake

    crowd.comes("0", partial(write, number=0))
    crowd.comes("1", give_up)
    crowd.comes("2", partial(write, number=2))
    outcomes = await crowd.goes()

    assert [type(each) for each in outcomes] == [type(None), Mistake, type(None)]
    assert sorted(runs) == [-1, 0, 2]
    assert await ids(crowd.db) == [0, 2]


@pytest.mark.parametrize("sql", [INSERT, f"{INSERT} RETURNING id"])
async def test_who_fails_after_writing_is_undone_alone(crowd: Crowd, sql: str) -> None:
    async def fail(session: Session) -> None:
        await (session.rows if "RETURNING" in sql else session.run)(sql, 1)
        raise Mistake

    crowd.comes("0", partial(add, number=0))
    crowd.comes("1", fail)
    crowd.comes("2", partial(add, number=2))
    outcomes = await crowd.goes()

    assert [type(each) for each in outcomes] == [int, Mistake, int]
    assert await ids(crowd.db) == [0, 2]


@pytest.mark.parametrize(("seconds", "times_of_a_neighbour"), [(10, 1), (0, 2)])
async def test_who_has_dissolved_a_company_dissolves_none_for_a_while(
    db: Database, monkeypatch: pytest.MonkeyPatch, seconds: int, times_of_a_neighbour: int
) -> None:
    only_postgres(db)
    monkeypatch.setattr("app.engines.in_step.APART_SECONDS", seconds)
    runs: Counter[int] = Counter()

    async def write(session: Session, number: int) -> None:
        runs[number] += 1
        await add(session, number)

    async def fail(session: Session) -> None:
        await add(session, 9)
        raise Mistake

    for first, second in ((0, 1), (2, 3)):
        async with gathering(db) as crowd:
            crowd.comes("first", partial(write, number=first))
            crowd.comes("fails", fail)
            crowd.comes("second", partial(write, number=second))
            outcomes = await crowd.goes()
            assert [type(each) for each in outcomes] == [type(None), Mistake, type(None)]

    assert (max(runs[0], runs[1]), max(runs[2], runs[3])) == (2, times_of_a_neighbour)
    assert await ids(db) == [0, 1, 2, 3]


async def test_who_is_cancelled_at_the_commit_goes_on_when_it_is_over(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed is then there for whoever cleans up."""
    only_postgres(db)
    end, committing, go_on = postgres._end, asyncio.Semaphore(0), asyncio.Event()

    async def slowly(transaction: Any, error: BaseException | None) -> None:
        if not error and await transaction._connection.fetchval("SELECT count(*) FROM things"):
            committing.release()
            await go_on.wait()
        await end(transaction, error)

    async def count(session: Session) -> int:
        return len(await session.rows("SELECT id FROM things WHERE id = 0"))

    monkeypatch.setattr(postgres, "_end", slowly)
    async with gathering(db) as crowd, soon():
        victim, *_ = [crowd.comes(str(number), partial(add, number=number)) for number in range(6)]
        await crowd.sets_out()
        for _ in range(COMPANIES_MAX):
            await committing.acquire()
        victim.cancel()
        await asyncio.wait([victim])
        cleaning_up = asyncio.create_task(db.transact(count, of="0"))
        await asyncio.wait([cleaning_up], timeout=LONG_ENOUGH_SECONDS)
        go_on.set()

        assert await cleaning_up == 1


async def test_who_is_refused_by_the_database_is_refused_alone(crowd: Crowd) -> None:
    crowd.comes("0", partial(add, number=0))
    crowd.comes("1", partial(add, number=1_000_000))
    crowd.comes("2", partial(add, number=2))
    outcomes = await crowd.goes()

    assert [type(each) for each in outcomes] == [int, ConstraintViolated, int]
    assert await ids(crowd.db) == [0, 2]
