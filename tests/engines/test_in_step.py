"""Units of different people may share a commit; what becomes of each is as if it had been alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest

from app.db import Database, DatabaseUnavailable, Session, as_moment
from app.engines.postgres import LOCK_IN_STEP_SECONDS
from tests.engines.conftest import ids
from tests.engines.crowd import INSERT, MARK, Crowd, Mistake, add, add_some, gathering, mark, only_postgres
from tests.waiting import soon

TAKE = "SELECT at FROM things WHERE id = $1 FOR NO KEY UPDATE"
START = datetime(2026, 1, 1, tzinfo=UTC)
TRANSACTION = "SELECT txid_current() AS id"


async def transaction_of(session: Session) -> int:
    row = await session.row(TRANSACTION)
    assert row is not None
    return int(row["id"])


async def test_units_of_different_people_share_transactions_and_those_of_one_do_not(crowd: Crowd) -> None:
    only_postgres(crowd.db)
    for number in range(8):
        crowd.comes(f"person {number}", transaction_of)
    mine = [crowd.comes("me", transaction_of) for _ in range(4)]

    everybody = await crowd.goes()

    assert len({task.result() for task in mine}) == 4
    assert len(set(everybody)) < len(everybody) - 4


async def test_all_of_a_crowd_is_kept_when_it_returns(crowd: Crowd) -> None:
    for number in range(12):
        crowd.comes(f"person {number % 5}", partial(add, number=number))

    changed = await crowd.goes()

    assert changed == [1] * 12
    assert await ids(crowd.db) == list(range(12))


async def test_units_of_one_person_never_meet_in_one_transaction(db: Database) -> None:
    """The row's lock keeps them apart, but nobody from a neighbour in the same transaction."""
    await add_some(db, 4)

    async def count_up(session: Session, person: int) -> None:
        row = await session.row(TAKE, person)
        assert row is not None
        at = as_moment(row["at"]) if row["at"] else START
        await session.run("UPDATE things SET at = $2 WHERE id = $1", person, at + timedelta(seconds=1))

    units = [db.transact(partial(count_up, person=number % 4), of=str(number % 4)) for number in range(80)]
    async with soon():
        await asyncio.gather(*units)
    async with db.read() as session:
        counted = [as_moment(row["at"]) - START for row in await session.rows("SELECT at FROM things")]

    assert counted == [timedelta(seconds=20)] * 4


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, yes FROM things WHERE id = $1",
        "\nSELECT id, yes FROM things WHERE id >= $1 AND id < $1 + 2 ORDER BY id\n",
        "SELECT id, id FROM things WHERE id = $1 UNION ALL SELECT id + 1, id FROM things WHERE id = $1",
        "SELECT id, yes FROM things WHERE id > $1 + 99",
        "SELECT count(*) AS number, max(id) FROM things WHERE id <> $1",
        "UPDATE things SET yes = false WHERE id = $1 RETURNING id, yes",
        "UPDATE things SET yes = false WHERE id > $1 + 99 RETURNING id",
        "WITH these AS (SELECT id FROM things WHERE id <= $1) SELECT id FROM these ORDER BY id",
    ],
)
async def test_a_crowd_finds_what_each_would_find_alone(db: Database, sql: str) -> None:
    await add_some(db, 9)

    async def look(session: Session, number: int) -> list[Any]:
        return [(tuple(row), dict(row), row[0]) for row in await session.rows(sql, number)]

    async with gathering(db) as crowd:
        for number in range(6):
            crowd.comes(str(number), partial(look, number=number))
        together = await crowd.goes()
    alone = [await db.transact(partial(look, number=number)) for number in range(6)]

    assert together == alone


async def test_a_crowd_is_told_how_much_it_changed(db: Database) -> None:
    await add_some(db, 9)

    async def change(session: Session, number: int) -> tuple[int, int]:
        changed = await session.run("UPDATE things SET yes = true WHERE id % 6 = $1", number)
        return changed, await session.run("DELETE FROM things WHERE id = $1 + 6", number)

    async with gathering(db) as crowd:
        for number in range(6):
            crowd.comes(str(number), partial(change, number=number))
        changed = await crowd.goes()

    assert changed == [(2, 1)] * 3 + [(1, 0)] * 3


async def test_whoever_fails_or_is_cancelled_anywhere_is_undone_alone_and_told_once(db: Database) -> None:
    chance, told = Random(8), Counter[int]()

    async def write(session: Session, number: int, fails_at: int) -> None:
        for step in range(number % 3 + 1):
            if step == fails_at:
                raise Mistake
            await session.run(INSERT, number * 10 + step)
        session.after_commit(lambda: told.update([number]))

    async def come(number: int) -> asyncio.Task[None]:
        unit = partial(write, number=number, fails_at=chance.randrange(9))
        task = asyncio.create_task(db.transact(unit, of=f"person {chance.randrange(40)}"))
        if chance.random() < 0.1:
            asyncio.get_running_loop().call_later(chance.random() * 0.02, task.cancel)
        await asyncio.sleep(0.001 if chance.random() < 0.1 else 0)
        return task

    tasks = [await come(number) for number in range(600)]
    async with soon():
        await asyncio.wait(tasks)
    kept = Counter(number // 10 for number in await ids(db))
    ended_well = {number for number, task in enumerate(tasks) if not task.cancelled() and not task.exception()}

    assert {type(task.exception()) for task in tasks if not task.cancelled()} == {type(None), Mistake}
    assert all(rows == number % 3 + 1 for number, rows in kept.items())
    assert ended_well <= set(told) <= set(kept)
    assert set(told.values()) == {1}


@pytest.mark.parametrize("turns_of_the_loop", range(5))
async def test_who_is_cancelled_when_it_is_their_turn_keeps_nobody(crowd: Crowd, turns_of_the_loop: int) -> None:
    def soon_cancel(task: asyncio.Task[Any], turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(soon_cancel, task, turns - 1)
        else:
            task.cancel()

    victim = crowd.comes("victim", partial(add, number=0))
    crowd.comes("other", partial(add, number=1))
    crowd.effects.append(lambda: soon_cancel(victim, turns_of_the_loop))
    (_, other) = await crowd.goes()
    again = await crowd.db.transact(partial(add, number=2), of="victim")

    assert (other, again) == (1, 1)
    assert set(await ids(crowd.db)) >= {1, 2}


async def test_who_is_alone_waits_for_a_lock_as_long_as_anybody(db: Database) -> None:
    only_postgres(db)
    await add_some(db, 1)
    async with db.begin() as session:
        await session.run(MARK, 0)
        waiting = asyncio.create_task(db.transact(partial(mark, number=0), of="0"))
        await asyncio.sleep(3 * LOCK_IN_STEP_SECONDS)

    assert await waiting == 1


async def test_who_waits_for_a_lock_keeps_no_neighbour(db: Database) -> None:
    only_postgres(db)
    await add_some(db, 2)
    taken, over = asyncio.Event(), asyncio.Event()

    async def keep_a_row() -> None:
        async with db.begin() as session:
            await session.run(MARK, 0)
            taken.set()
            await over.wait()

    keeping = asyncio.create_task(keep_a_row())
    await taken.wait()
    async with gathering(db) as crowd:
        locked, free = (crowd.comes(str(number), partial(mark, number=number)) for number in (0, 1))
        await crowd.sets_out()
        async with soon():
            changed = await free
    is_still_waiting = not locked.done()
    over.set()
    await keeping

    assert (changed, is_still_waiting, await locked) == (1, True, 1)


async def test_a_line_that_breaks_in_the_middle_does_everything_once(crowd: Crowd) -> None:
    only_postgres(crowd.db)
    runs: list[int] = []

    async def write(session: Session, number: int) -> int:
        runs.append(number)
        await session.run(INSERT, number)
        if number == 0 and runs.count(0) == 1:
            here = await session.row("SELECT pg_backend_pid() AS pid")
            assert here is not None
            async with crowd.db.begin() as other:
                await other.rows("SELECT pg_terminate_backend($1)", here["pid"])
        return await session.run(MARK, number)

    for number in range(4):
        crowd.comes(str(number), partial(write, number=number))
    outcomes = await crowd.goes()

    assert outcomes == [1] * 4
    assert len(runs) > 4
    assert await ids(crowd.db) == [0, 1, 2, 3]


async def test_a_database_that_is_closed_is_said_to_everybody(crowd: Crowd) -> None:
    only_postgres(crowd.db)
    for number in range(6):
        crowd.comes(str(number), partial(add, number=number))
    await asyncio.sleep(0)
    await crowd.db.require_a_word(0)
    outcomes = await asyncio.gather(*crowd.tasks, return_exceptions=True)
    crowd.over.set()
    broken = await asyncio.gather(*crowd.at_work, return_exceptions=True)
    crowd.at_work.clear()

    assert {type(each) for each in (*outcomes, *broken)} == {DatabaseUnavailable}
