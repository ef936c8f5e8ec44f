"""Periodic work: once among many workers, again after a failure, taken over from the dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest_asyncio

from app.db import Database
from app.schedule import leases
from app.schedule.periodic import Job, Schedule
from tests.fakes.clock import FakeClock
from tests.waiting import WAIT_SECONDS_MAX

MINUTE = timedelta(minutes=1)


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    db = Database(database_url)
    await db.open()
    yield db
    await db.close()


async def test_of_many_who_ask_one_holds_the_lease_until_it_runs_out(db: Database, clock: FakeClock) -> None:
    async def take(who: str) -> bool:
        async with db.begin() as session:
            return await leases.take(session, "sweep", who, clock.now(), MINUTE)

    at_once = await asyncio.gather(*(take(f"wrk_{number}") for number in range(20)))
    winner = f"wrk_{at_once.index(True)}"
    clock.advance(seconds=50)
    renewed = await take(winner)
    clock.advance(seconds=50)
    still_refused = await take("wrk_late")
    clock.advance(seconds=11)
    taken_over = await take("wrk_late")

    assert at_once.count(True) == 1
    assert (renewed, still_refused, taken_over) == (True, False, True)


async def test_two_schedules_do_the_work_of_one(db: Database, clock: FakeClock) -> None:
    done, enough = [], asyncio.Event()

    async def work(who: str) -> None:
        done.append(who)
        if len(done) >= 3:
            enough.set()

    schedules = [Schedule(db, clock, [Job("sweep", 0.01, partial(work, who))]) for who in ("one", "other")]
    for schedule in schedules:
        schedule.start()
    await asyncio.wait_for(enough.wait(), WAIT_SECONDS_MAX)
    for schedule in schedules:
        await schedule.stop()

    assert len(set(done)) == 1


async def test_work_that_fails_is_done_again(db: Database, clock: FakeClock) -> None:
    tries, worked = [], asyncio.Event()

    async def work() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError
        worked.set()

    schedule = Schedule(db, clock, [Job("flaky", 0.01, work)])
    schedule.start()
    await asyncio.wait_for(worked.wait(), WAIT_SECONDS_MAX)
    await schedule.stop()

    assert len(tries) >= 3
