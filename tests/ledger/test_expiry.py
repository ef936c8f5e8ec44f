"""L9: a hold whose owner died ends by itself, once, by the database's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from app.db import Database
from app.ledger import expiry
from app.ledger.expiry import BATCH, FOREVER, LOOK_BACK
from app.ledger.ledger import Balance
from tests.ledger.books import HOUR, balance, debit, hold, release, rows, settle, terms
from tests.ledger.conftest import person

AT_ONCE = timedelta(0)


async def sweep(db: Database, look_back: timedelta = LOOK_BACK) -> int:
    return await expiry.sweep(db, datetime.now(UTC), look_back)


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


async def test_the_callers_clock_cannot_end_a_fresh_hold(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, lifetime=HOUR)
    now = datetime.now(UTC)

    for years in (-40, -1, 1, 40):
        for look_back in (LOOK_BACK, FOREVER):
            assert await expiry.sweep(db, now + timedelta(days=365 * years), look_back) == 0

    assert await balance(db, ann) == Balance(100, 10, 0)


async def test_a_callers_clock_that_is_behind_still_ends_what_is_overdue(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, lifetime=AT_ONCE)

    ended = await expiry.sweep(db, datetime.now(UTC) - timedelta(days=365))

    assert ended == 1


async def test_only_the_look_at_start_up_finds_what_is_long_overdue(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, lifetime=-LOOK_BACK - HOUR)

    in_passing = await sweep(db)
    at_start = await sweep(db, FOREVER)

    assert (in_passing, at_start) == (0, 1)


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
