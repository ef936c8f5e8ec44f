"""L9: a hold whose owner died ends by itself, once, by the database's clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from app.db import Database
from app.engines.sqlite_session import connect, for_sqlite
from app.ledger import expiry
from app.ledger.expiry import BATCH, FOREVER, LOOK_BACK, OVERDUE
from app.ledger.ledger import Balance
from tests.databases import Databases
from tests.ledger.books import HOUR, balance, debit, hold, release, rows, settle, terms
from tests.ledger.conftest import person

AT_ONCE = timedelta(0)


async def sweep(db: Database, look_back: int = LOOK_BACK) -> int:
    return await expiry.sweep(db, look_back)


async def test_an_overdue_hold_is_freed_and_costs_nothing(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, lifetime=AT_ONCE)

    ended = await sweep(db)

    assert ended == 1
    assert await balance(db, ann) == Balance(100, 0, 0)
    [row] = await rows(db, "SELECT * FROM hold_resolutions")
    assert (row["hold_id"], row["outcome"], row["charged"]) == ("hld_1", "expired", 0)


async def test_a_hold_within_its_time_is_left_alone(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, "hld_fresh", lifetime=HOUR)
    await hold(db, ann, "hld_overdue", lifetime=AT_ONCE)

    ended = await sweep(db)

    assert ended == 1
    assert await balance(db, ann) == Balance(100, 10, 0)


async def test_a_hold_that_ended_is_not_ended_again(db: Database) -> None:
    ann = await person(db, "ann", 100)
    for number, end in enumerate((settle, release)):
        await hold(db, ann, f"hld_{number}", lifetime=AT_ONCE)
        await end(db, f"hld_{number}")

    assert await sweep(db) == 0
    outcomes = await rows(db, "SELECT outcome FROM hold_resolutions ORDER BY hold_id")
    assert [row["outcome"] for row in outcomes] == ["settled", "released"]


async def test_what_is_overdue_is_found_however_long_ago_and_behind_whatever_came_later(db: Database) -> None:
    ann, bob = await person(db, "ann", 100), await person(db, "bob", 100)
    await hold(db, bob, "hld_bob", lifetime=-1000 * 24 * HOUR)
    await hold(db, ann, "hld_old", lifetime=-1000 * 24 * HOUR)
    for number in range(3):
        await hold(db, ann, f"hld_ended_{number}")
        await settle(db, f"hld_ended_{number}", completion=1)
    await hold(db, ann, "hld_runs", lifetime=HOUR)

    ended = await sweep(db)

    assert ended == 2
    assert (await balance(db, ann)).held == 10


async def test_how_far_back_it_looks_has_an_end(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, "hld_old", lifetime=AT_ONCE)
    await hold(db, ann, "hld_runs", lifetime=HOUR)

    ended = [await sweep(db, look_back) for look_back in (1, 2, FOREVER)]

    assert ended == [0, 1, 0]


async def test_what_has_ended_is_not_read(db: Database, databases: Databases, tmp_path: Path) -> None:
    if databases.kind != "sqlite":
        pytest.skip("Only SQLite counts its steps; the statement is one.")
    ann, bob = await person(db, "ann", 10_000), await person(db, "bob", 100)
    await hold(db, ann, "hld_first", lifetime=AT_ONCE)
    alone = steps(tmp_path)
    await sweep(db)
    for user_id in (ann, bob):
        names = [f"hld_{user_id}_{number}" for number in range(200)]
        for name in names:
            await hold(db, user_id, name)
            await release(db, name)
    await hold(db, ann, "hld_last", lifetime=AT_ONCE)

    after_many = steps(tmp_path)

    assert 0 < after_many < alone * 2


def steps(folder: Path) -> int:
    """How many instructions the statement takes, which is the same at each run."""
    [path] = folder.glob("*.db")
    raw, seen = connect(path), [0]

    def count() -> int:
        seen[0] += 1
        return 0

    raw.set_progress_handler(count, 1)
    assert len(raw.execute(for_sqlite(OVERDUE), (BATCH, LOOK_BACK)).fetchall()) == 1
    raw.close()
    return seen[0]


async def test_more_than_one_batch_is_ended_by_one_sweep(db: Database) -> None:
    ann = await person(db, "ann", 10_000)
    many = 2 * BATCH + 7
    await asyncio.gather(*(hold(db, ann, f"hld_{number}", lifetime=AT_ONCE) for number in range(many)))

    ended = await sweep(db)

    assert ended == many
    assert await balance(db, ann) == Balance(10_000, 0, 0)


async def test_exactly_one_batch_is_no_endless_loop(db: Database) -> None:
    ann = await person(db, "ann", 10_000)
    await asyncio.gather(*(hold(db, ann, f"hld_{number}", lifetime=AT_ONCE) for number in range(BATCH)))

    ended = await asyncio.wait_for(sweep(db), 30)

    assert ended == BATCH


async def test_many_sweepers_at_once_end_each_hold_once(db: Database) -> None:
    people = [await person(db, f"person{number}", 1000) for number in range(3)]
    for number in range(60):
        await hold(db, people[number % 3], f"hld_{number}", lifetime=AT_ONCE)

    counts = await asyncio.gather(*(sweep(db) for _ in range(8)))

    resolved = await rows(db, "SELECT hold_id FROM hold_resolutions WHERE outcome = 'expired'")
    assert len(resolved) == 60
    assert sum(counts) >= 60
    assert [await balance(db, user_id) for user_id in people] == [Balance(1000, 0, 0)] * 3


async def test_an_expired_hold_pays_what_is_owed(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, of=terms(60), lifetime=AT_ONCE)
    await debit(db, ann, 100)

    await sweep(db)

    assert await balance(db, ann) == Balance(0, 0, 0)


async def test_who_comes_after_the_sweep_reads_that_it_expired(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, lifetime=AT_ONCE)
    await sweep(db)

    ended = await settle(db, completion=5)

    assert (ended.outcome, ended.charged, ended.completion_tokens) == ("expired", 0, 0)
    assert await balance(db, ann) == Balance(100, 0, 0)
