"""Readers of a reply that runs in another worker, each with a place of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio

from app.chat import listeners, replay
from app.chat.elsewhere import Elsewhere, Followed
from app.db import Database, DatabaseUnavailable, Session
from app.services import Services
from app.streams.log import Log, next_change
from app.streams.relay import Alone
from tests.chat.callers import Caller, until
from tests.chat.strict import Event, Parser, events_of, require_grammar, text_of
from tests.chat.test_left_behind import ended_by_another
from tests.fakes.clock import FakeClock
from tests.fakes.provider import ScriptedProvider
from tests.waiting import LOOK_SECONDS, WAIT_SECONDS_MAX, soon

WORDS = ["One", " two", " three", "."]


@pytest_asyncio.fixture
async def running(caller: Caller, provider: ScriptedProvider) -> AsyncIterator[str]:
    """A reply in the middle, of which nothing is written down yet but that it runs."""
    provider.words, provider.pause_before = WORDS, 3
    async with caller.asking() as response:
        (meta,) = await until(events_of(response), "meta")
        yield meta.data["streamId"]
        provider.go_on.set()


@pytest.fixture
def elsewhere(services: Services) -> Elsewhere:
    return elsewhere_in(services, services.db)


def elsewhere_in(services: Services, db: Database) -> Elsewhere:
    return Elsewhere(db, Alone(), services.clock, services.settings.abandoned_seconds)


class Absent(Database):
    """One that cannot be reached while it is away."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.is_away, self.asked_in_vain = False, asyncio.Event()

    def read(self) -> AbstractAsyncContextManager[Session]:
        if self.is_away:
            self.asked_in_vain.set()
            raise DatabaseUnavailable
        return super().read()


@asynccontextmanager
async def reading(elsewhere: Elsewhere, caller: Caller, stream_id: str, seen: int) -> AsyncIterator[Log]:
    log, enter, leave = elsewhere.find(caller.person.id, stream_id, seen)
    enter()
    yield log
    leave()


async def read_on(log: Log, seen: int) -> list[Event]:
    async with soon():
        while not log.closed:
            await next_change(log)
    return Parser().feed(b"".join(log.frames[seen:]))


async def heard_at(
    places: list[int], elsewhere: Elsewhere, caller: Caller, stream_id: str, end: Awaitable[None]
) -> list[list[Event]]:
    """What readers are told who have seen so many events, when all are there before it ends."""
    async with AsyncExitStack() as readers:
        logs = [await readers.enter_async_context(reading(elsewhere, caller, stream_id, seen)) for seen in places]
        await end
        heard = await asyncio.gather(*map(read_on, logs, places))
    for seen, events in zip(places, heard, strict=True):
        require_grammar(events, first=seen)
    return heard


async def test_what_a_crash_cut_short_ends_behind_what_each_of_them_knows(
    elsewhere: Elsewhere, caller: Caller, services: Services, running: str
) -> None:
    places = [0, 3, 40, 41, 300, 3]

    heard = await heard_at(places, elsewhere, caller, running, ended_by_another(services, running))

    assert [events[-1].name for events in heard] == ["error"] * len(places)
    row = await elsewhere.row(caller.person.id, running)
    assert all(replay.beyond(row, events[-1].id + 1).is_over for events in heard)


async def test_what_ended_by_itself_is_the_same_for_all_of_them(
    elsewhere: Elsewhere, caller: Caller, provider: ScriptedProvider, running: str
) -> None:
    async def end() -> None:
        provider.go_on.set()

    whole, *others = await heard_at([0, 1, 3], elsewhere, caller, running, end())

    assert text_of(whole) == "".join(WORDS)
    assert others == [whole[1:], whole[3:]]


def test_who_is_ahead_reads_on_as_soon_as_the_others_have_come_there() -> None:
    its, behind, ahead = Followed(), Log(), Log()
    its.log.append(b"0")
    its.enter(behind, 0)
    its.enter(ahead, 2)
    at_once = behind.chunk(0)

    its.log.append(b"1")
    before = ahead.chunk(2)
    its.log.append(b"2")

    assert at_once == (b"0", 1)
    assert before == (b"", 2)
    assert ahead.chunk(2) == (b"2", 3)
    assert behind.chunk(0) == (b"012", 3)


async def test_a_reply_that_is_deleted_meanwhile_ends_or_is_seen_to_break_off(
    elsewhere: Elsewhere, caller: Caller, provider: ScriptedProvider, running: str
) -> None:
    conversation_id = (await elsewhere.row(caller.person.id, running))["conversation_id"]

    async with reading(elsewhere, caller, running, 0) as log:
        deleted = await caller.http.delete(f"/api/conversations/{conversation_id}")
        events = await read_on(log, 0)

    assert deleted.status_code == 204
    # It is stopped first, and a look at that very moment finds its ending.
    assert log.broken != (events[-1:] != [] and events[-1].name == "done")


async def last_read(services: Services, stream_id: str) -> float | None:
    async with services.db.read() as session:
        return await listeners.seconds_since(session, stream_id)


async def test_a_reply_is_noted_as_read_once_it_could_be_given_up_soon(
    elsewhere: Elsewhere, caller: Caller, services: Services, clock: FakeClock, running: str
) -> None:
    async with reading(elsewhere, caller, running, 0) as log:
        while not log.frames:
            await next_change(log)
        young = await last_read(services, running)
        clock.advance(seconds=services.settings.abandoned_seconds / 2)
        async with soon():
            while (seconds := await last_read(services, running)) is None:  # noqa: ASYNC110 - it happens in another worker.
                await asyncio.sleep(LOOK_SECONDS)

    assert young is None
    assert seconds < WAIT_SECONDS_MAX


async def test_while_the_database_is_away_its_readers_wait(
    services: Services, caller: Caller, provider: ScriptedProvider, running: str
) -> None:
    db = Absent(services.settings.database_url)
    await db.open()
    async with reading(elsewhere_in(services, db), caller, running, 0) as log:
        db.is_away = True
        await asyncio.wait_for(db.asked_in_vain.wait(), WAIT_SECONDS_MAX)
        provider.go_on.set()
        db.is_away = False
        events = await read_on(log, 0)
    await db.close()

    require_grammar(events)
    assert text_of(events) == "".join(WORDS)


async def test_who_looked_before_it_ended_and_comes_then_is_told_as_well(
    elsewhere: Elsewhere, caller: Caller, services: Services, running: str
) -> None:
    async with reading(elsewhere, caller, running, 0) as first:
        log, enter, leave = elsewhere.find(caller.person.id, running, 7)
        await ended_by_another(services, running)
        await read_on(first, 0)
        enter()
        events = await read_on(log, 7)
        leave()

    require_grammar(events, first=7)


async def test_nobody_is_followed_for_when_all_have_left(elsewhere: Elsewhere, caller: Caller, running: str) -> None:
    async with reading(elsewhere, caller, running, 0), reading(elsewhere, caller, running, 3):
        during = set(elsewhere._followed)

    assert during == {running}
    assert elsewhere._followed == {}


async def test_no_place_is_noted_at_which_nobody_was_told(
    elsewhere: Elsewhere, caller: Caller, services: Services, running: str
) -> None:
    (events,) = await heard_at([40], elsewhere, caller, running, ended_by_another(services, running))

    row = await elsewhere.row(caller.person.id, running)
    assert row["told_ends"] == str(events[-1].id)
