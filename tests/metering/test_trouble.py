"""Cancelled at any moment, or with the database gone: the hold still ends exactly once."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from typing import Any

import pytest

from app.ledger.ledger import Balance, Terms, UnknownHold
from app.ledger.rates import Rates
from app.metering.meter import Held, Meter
from app.observability.metrics import Metrics
from tests.ledger.books import HOUR, balance, rows
from tests.metering.conftest import TroubledDatabase
from tests.metering.test_meter import TERMS, counted, outcomes
from tests.waiting import WAIT_SECONDS_MAX, eventually


async def cancelled(task: asyncio.Task[Any]) -> bool:
    await asyncio.wait([task])
    return task.cancelled()


@pytest.mark.parametrize("used", [True, False])
async def test_a_cancelled_reply_is_charged_for_what_it_used(
    db: TroubledDatabase, meter: Meter, ann: str, used: bool
) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def reply() -> None:
        async with meter.hold(ann, TERMS, lifetime=HOUR) as held:
            if used:
                held.use(10, 5, "us")
            begun.set()
            await never.wait()

    task = asyncio.create_task(reply())
    await begun.wait()
    task.cancel()

    assert await cancelled(task)
    assert await outcomes(db) == [("settled", 15) if used else ("released", 0)]


async def test_cancelling_at_any_moment_leaves_nothing_held_and_charges_once(
    db: TroubledDatabase, meter: Meter, ann: str
) -> None:
    """After each number of turns of the loop, from before the first step to after the last."""
    seen: Counter[str] = Counter()

    async def reply() -> None:
        async with meter.hold(ann, Terms(0, 16, Rates()), lifetime=HOUR) as held:
            await asyncio.sleep(0)
            held.use(0, 1, "us")
            await asyncio.sleep(0)

    for turns in [*range(40), *range(40, 4000, 40)]:
        charged_before = 1000 - (await balance(db, ann)).balance
        task = asyncio.create_task(reply())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        was_cancelled = await cancelled(task)
        await meter.drain()
        after = await balance(db, ann)
        charged = 1000 - after.balance - charged_before
        assert after.held == 0
        assert charged == 1 if not was_cancelled else charged in (0, 1)
        seen[f"cancelled {was_cancelled}, charged {charged}"] += 1

    assert {"cancelled True, charged 0", "cancelled False, charged 1"} <= set(seen)
    assert len(await rows(db, "SELECT id FROM holds")) == len(await outcomes(db))


async def test_cancelled_while_the_hold_is_being_acknowledged_it_is_still_released(
    db: TroubledDatabase, meter: Meter, ann: str
) -> None:
    db.committed.clear()
    db.answers.clear()

    async def reply() -> None:
        async with meter.hold(ann, TERMS, lifetime=HOUR):
            pytest.fail("This reply must not begin.")

    task = asyncio.create_task(reply())
    await db.committed.wait()
    held_meanwhile = (await balance(db, ann)).held
    task.cancel()
    assert await cancelled(task)
    db.answers.set()
    await meter.drain()

    assert held_meanwhile == 100
    assert await outcomes(db) == [("released", 0)]


async def test_cancelled_before_anything_was_held_it_leaves_nothing_behind_to_complain(
    db: TroubledDatabase, meter: Meter, ann: str
) -> None:
    errors: list[BaseException | None] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context.get("exception")))

    async def reply() -> None:
        async with meter.hold(ann, TERMS, lifetime=HOUR):
            pytest.fail("This reply must not begin.")

    async with db.begin() as session:
        await session.run("UPDATE ledger_accounts SET held = held WHERE user_id = $1", ann)
        task = asyncio.create_task(reply())
        await eventually(lambda: task in db.tasks)
        task.cancel()
        assert await cancelled(task)
    await meter.drain()
    db.tasks.clear()  # An error that nobody asked for is spoken of when its task is forgotten.
    gc.collect()

    assert [error for error in errors if isinstance(error, UnknownHold)] == []
    assert await rows(db, "SELECT id FROM holds") == []


async def test_the_settlement_is_never_part_of_the_task_that_can_be_cancelled(
    db: TroubledDatabase, meter: Meter, ann: str
) -> None:
    async def reply() -> None:
        async with meter.hold(ann, TERMS, lifetime=HOUR) as held:
            held.use(10, 5, "us")
            db.tasks.clear()

    task = asyncio.create_task(reply())
    await task

    assert len(db.tasks) == 1
    assert task not in db.tasks


async def test_a_reply_cancelled_twice_while_it_settles_is_charged_once(
    db: TroubledDatabase, meter: Meter, metrics: Metrics, ann: str
) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def reply() -> None:
        async with meter.hold(ann, TERMS, lifetime=HOUR) as held:
            held.use(10, 5, "us")
            db.committed.clear()
            db.answers.clear()
            begun.set()
            await never.wait()

    task = asyncio.create_task(reply())
    await begun.wait()
    task.cancel()
    await db.committed.wait()
    task.cancel()
    assert await cancelled(task)
    db.answers.set()
    await meter.drain()

    assert await outcomes(db) == [("settled", 15)]
    assert counted(metrics) == (15, 0)


async def test_a_database_that_is_away_at_the_end_is_waited_for(
    db: TroubledDatabase, meter: Meter, metrics: Metrics, ann: str
) -> None:
    task = asyncio.create_task(reply_that_loses_its_database(db, meter, ann))
    for _ in range(2):
        await db.refused.wait()
        db.refused.clear()
    meanwhile = (task.done(), await balance(db, ann))
    db.down = False
    held = await task

    assert meanwhile == (False, Balance(1000, 100, 0))
    assert held.resolution is not None
    assert await balance(db, ann) == Balance(985, 0, 0)
    assert await outcomes(db) == [("settled", 15)]
    assert counted(metrics) == (15, 0)


async def test_a_reply_cancelled_while_the_database_is_away_is_settled_when_it_is_back(
    db: TroubledDatabase, meter: Meter, metrics: Metrics, ann: str
) -> None:
    task = asyncio.create_task(reply_that_loses_its_database(db, meter, ann))
    await db.refused.wait()
    task.cancel()
    was_cancelled = await asyncio.wait_for(cancelled(task), WAIT_SECONDS_MAX)
    db.down = False
    await meter.drain()

    assert was_cancelled
    assert await outcomes(db) == [("settled", 15)]
    assert counted(metrics) == (15, 0)


async def reply_that_loses_its_database(db: TroubledDatabase, meter: Meter, user_id: str) -> Held:
    async with meter.hold(user_id, TERMS, lifetime=HOUR) as held:
        held.use(10, 5, "us")
        db.down = True
    return held
