"""Who is taken for dead, and a stop that reaches a worker by the database alone."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest_asyncio

from app.chat import stops
from app.chat.workers import BLIND_SECONDS, DEAD_SECONDS, SIGN_SECONDS, Workers
from app.db import Database
from app.services import Services
from tests.chat.callers import Caller, only, until
from tests.chat.strict import events_of
from tests.fakes.provider import ScriptedProvider
from tests.figures import figure

STOP_SECONDS_MAX = 1.0
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    db = Database(database_url)
    await db.open()
    async with db.begin() as session:
        # Long ago, as after an outage of the database.
        for worker in ("wrk_a", "wrk_b"):
            await session.run("INSERT INTO workers (id, seen_at) VALUES ($1, $2)", worker, LONG_AGO)
    yield db
    await db.close()


async def known(db: Database) -> set[str]:
    async with db.read() as session:
        return {row["id"] for row in await session.rows("SELECT id FROM workers")}


async def watch(db: Database, times: list[float]) -> None:
    """As worker b, while worker a does nothing."""
    watching = Workers(db, "wrk_b")
    for at in times:
        await watching.sign(at)


async def test_who_did_not_sign_while_it_was_watched_is_dead(db: Database) -> None:
    await watch(db, [at * SIGN_SECONDS for at in range(int(DEAD_SECONDS / SIGN_SECONDS) + 1)])

    assert await known(db) == {"wrk_b"}


async def test_an_old_signature_alone_kills_nobody(db: Database) -> None:
    await watch(db, [0])

    assert await known(db) == {"wrk_a", "wrk_b"}


async def test_who_signs_now_and_then_lives(db: Database) -> None:
    watching, living = Workers(db, "wrk_b"), Workers(db, "wrk_a")
    for at in range(int(3 * DEAD_SECONDS / SIGN_SECONDS)):
        await watching.sign(at * SIGN_SECONDS)
        if at % 3 == 0:
            await living.sign(at * SIGN_SECONDS)

    assert await known(db) == {"wrk_a", "wrk_b"}


async def test_who_could_not_look_for_a_while_begins_to_watch_anew(db: Database) -> None:
    """The database was away: nobody could sign, and nobody is dead for it."""
    outage = BLIND_SECONDS + DEAD_SECONDS
    await watch(db, [0, SIGN_SECONDS, SIGN_SECONDS + outage, 2 * SIGN_SECONDS + outage])

    assert await known(db) == {"wrk_a", "wrk_b"}


async def test_a_stop_that_is_written_down_is_obeyed_within_a_second(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.pause_before = 2
    async with caller.asking() as reply:
        stream = events_of(reply)
        meta = (await until(stream, "meta"))[0].data
        began = time.monotonic()
        async with services.db.begin() as session:
            await stops.ask(session, caller.person.id, meta["streamId"], services.clock.now())
        rest = [event async for event in stream]

    assert only(rest, "done")["finishReason"] == "stopped"
    figure("S4: a stop that is written down is obeyed after", time.monotonic() - began, STOP_SECONDS_MAX, "s")


async def test_nobody_stops_what_is_not_theirs(caller: Caller, services: Services, provider: ScriptedProvider) -> None:
    provider.pause_before = 2
    stream_id = await caller.begin()
    await provider.paused.wait()

    async with services.db.begin() as session:
        await stops.ask(session, "usr_somebody", stream_id, services.clock.now())
        asked = await stops.asked_of(session, services.turns.worker)
    provider.go_on.set()

    assert asked == []
