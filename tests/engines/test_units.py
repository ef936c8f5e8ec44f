"""A unit of work, on either engine: all of it or nothing, and acknowledged only when it is durable."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.db import ConstraintViolated, Database, Session
from tests.engines.conftest import ids
from tests.waiting import WAIT_SECONDS_MAX

INSERT = "INSERT INTO things (id) VALUES ($1)"


async def test_a_unit_that_ends_is_seen_by_the_next_reader(db: Database) -> None:
    async with db.begin() as session:
        await session.run(INSERT, 1)
        await session.run(INSERT, 2)

    assert await ids(db) == [1, 2]


async def test_a_unit_that_fails_leaves_nothing(db: Database) -> None:
    async def failing() -> None:
        async with db.begin() as session:
            await session.run(INSERT, 1)
            raise LookupError

    with pytest.raises(LookupError):
        await failing()

    assert await ids(db) == []


async def test_a_unit_that_fails_takes_nobody_with_it(db: Database) -> None:
    async def unit(number: int) -> None:
        async with db.begin() as session:
            await session.run(INSERT, number)
            if number % 3 == 0:
                raise ValueError

    outcomes = await asyncio.gather(*(unit(number) for number in range(1, 31)), return_exceptions=True)

    failed = [number for number, outcome in enumerate(outcomes, 1) if outcome is not None]
    assert failed == list(range(3, 31, 3))
    assert await ids(db) == [number for number in range(1, 31) if number % 3]


async def test_nobody_sees_a_unit_before_its_end(db: Database) -> None:
    async with db.begin() as session:
        await session.run(INSERT, 1)
        seen_meanwhile = await ids(db)

    assert seen_meanwhile == []
    assert await ids(db) == [1]


async def test_effects_run_after_the_commit_and_only_then(db: Database) -> None:
    happened: list[str] = []

    async with db.begin() as session:
        session.after_commit(lambda: happened.append("kept"))
        before_the_end = list(happened)

    async def failing() -> None:
        async with db.begin() as session:
            session.after_commit(lambda: happened.append("undone"))
            raise LookupError

    with pytest.raises(LookupError):
        await failing()

    assert (before_the_end, happened) == ([], ["kept"])


async def test_what_the_database_refuses_has_one_name_on_both_engines(db: Database) -> None:
    async with db.begin() as session:
        await session.run(INSERT, 1)

    for refused in (1, 1_000_001):
        with pytest.raises(ConstraintViolated):
            async with db.begin() as session:
                await session.run(INSERT, refused)
    assert await ids(db) == [1]


async def test_a_cancelled_unit_leaves_nothing_and_frees_the_way(db: Database) -> None:
    inside, never = asyncio.Event(), asyncio.Event()

    async def stuck() -> None:
        async with db.begin() as session:
            await session.run(INSERT, 1)
            inside.set()
            await never.wait()

    task = asyncio.create_task(stuck())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.begin() as session:
        await session.run(INSERT, 2)

    assert await ids(db) == [2]


async def test_cancelling_at_any_moment_never_blocks_the_units_behind(db: Database) -> None:
    async def unit(number: int) -> None:
        async with db.begin() as session:
            await session.run(INSERT, number)

    for delay in range(8):
        tasks = [asyncio.create_task(unit(delay * 100 + number)) for number in range(20)]
        for _ in range(delay):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), WAIT_SECONDS_MAX)

    kept = set(await ids(db))
    assert {delay * 100 + number for delay in range(8) for number in range(1, 20, 2)} <= kept
    await asyncio.wait_for(unit(999), WAIT_SECONDS_MAX)


async def test_times_come_back_aware_and_in_order_whatever_zone_they_went_in_with(db: Database) -> None:
    noon = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
    elsewhere = (noon + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=9)))

    async with db.begin() as session:
        await session.run("INSERT INTO things (id, at, yes) VALUES ($1, $2, $3)", 1, elsewhere, True)
        await session.run("INSERT INTO things (id, at, yes) VALUES ($1, $2, $3)", 2, noon, False)
    async with db.read() as session:
        rows = await session.rows("SELECT * FROM things WHERE at <= $1 ORDER BY at", elsewhere)

    assert [(row["id"], row["at"], row["yes"]) for row in rows] == [(2, noon, False), (1, elsewhere, True)]
    assert all(row["at"].utcoffset() == timedelta(0) for row in rows)


async def test_the_databases_own_clock_can_be_asked_on_both_engines(db: Database) -> None:
    async with db.begin() as session:
        await session.run("INSERT INTO things (id, at) VALUES (1, now())")
        row = await session.row("SELECT at FROM things WHERE at <= now()")

    assert row is not None
    assert abs(row["at"] - datetime.now(UTC)) < timedelta(seconds=5)


async def test_run_says_how_many_rows_it_changed(db: Database) -> None:
    async with db.begin() as session:
        for number in (1, 2, 3):
            await session.run(INSERT, number)
        changed = await session.run("UPDATE things SET yes = TRUE WHERE id >= $1", 2)
        missed = await session.run("DELETE FROM things WHERE id = $1", 99)

    assert (changed, missed) == (2, 0)


async def test_a_deadlock_is_tried_again_and_both_units_happen(db: Database) -> None:
    async with db.begin() as session:
        await session.run("INSERT INTO things (id, yes) VALUES (1, FALSE), (2, FALSE)")
    met = asyncio.Barrier(2)
    first_round = {1, 2}

    async def both(one: int, other: int) -> None:
        async def unit(session: Session) -> None:
            await session.run("UPDATE things SET yes = NOT yes WHERE id = $1", one)
            if db.kind == "postgres" and one in first_round:
                first_round.discard(one)
                await met.wait()
            await session.run("UPDATE things SET yes = NOT yes WHERE id = $1", other)

        await db.transact(unit)

    await asyncio.gather(both(1, 2), both(2, 1))

    async with db.read() as session:
        assert [row["yes"] for row in await session.rows("SELECT yes FROM things")] == [False, False]


async def test_a_glance_sees_what_was_committed_and_nothing_else(db: Database) -> None:
    async with db.begin() as session:
        await session.run(INSERT, 1)
    async with db.begin() as session, db.glance() as glancing:
        await session.run(INSERT, 2)
        during = await glancing.rows("SELECT id FROM things ORDER BY id")
    async with db.glance() as glancing:
        after = await glancing.rows("SELECT id FROM things ORDER BY id")

    assert [row["id"] for row in during] == [1]
    assert [row["id"] for row in after] == [1, 2]
