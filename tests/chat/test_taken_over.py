"""A worker that is taken for dead, rows that somebody keeps locked, and what a crash leaves to others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from app.chat.asks import Ask
from app.chat.opening import open_turn
from app.chat.recovery import LOST_SECONDS
from app.chat.workers import SIGN_SECONDS
from app.db import Row, Session
from app.providers.provider import ProviderFailed
from app.services import Services
from tests.chat.callers import Caller, calling, only, until
from tests.chat.strict import events_of, text_of
from tests.chat.test_left_behind import ended_by_another
from tests.conftest import Person
from tests.fakes.provider import ScriptedProvider
from tests.figures import figure
from tests.waiting import eventually, soon

ACCOUNT = "SELECT 1 FROM ledger_accounts WHERE user_id = $1 FOR NO KEY UPDATE"
TURN = "SELECT 1 FROM turns WHERE id = $1 FOR NO KEY UPDATE"
HUNG_UP_SECONDS_MAX = 3
# A thousand tokens of them, which say three words in four.
WORDS_PAID_FOR = 740
Opening = Callable[[Session], Awaitable[object]]


@pytest.fixture
def postgres(services: Services) -> Services:
    if services.db.kind != "postgres":
        pytest.skip("On SQLite no unit keeps a row from another one.")
    return services


async def turn_of(services: Services, stream_id: str) -> Row:
    async with services.db.read() as session:
        row = await session.row("SELECT * FROM turns WHERE id = $1", stream_id)
    assert row is not None
    return row


async def sign_of_life(services: Services) -> object:
    async with services.db.read() as session:
        row = await session.row("SELECT seen_at FROM workers WHERE id = $1", services.turns.worker)
    return row and row["seen_at"]


@asynccontextmanager
async def two_words(caller: Caller, provider: ScriptedProvider, services: Services) -> AsyncIterator[str]:
    """Are said, and no more until the test lets it go on; the stream's id."""
    provider.words, provider.pause_before = ["One", " two", " three"], 2
    stream_id = await caller.begin()
    await provider.paused.wait()
    yield stream_id
    provider.go_on.set()
    await eventually(lambda: stream_id not in services.turns.running)


async def test_a_sign_of_life_does_not_wait_for_a_checkpoint(
    postgres: Services, caller: Caller, provider: ScriptedProvider
) -> None:
    async with two_words(caller, provider, postgres), postgres.db.begin() as session:
        # As CREATE INDEX does.
        await session.run("LOCK TABLE messages IN SHARE MODE")
        saving = asyncio.create_task(postgres.recovery.save())
        signs = [await sign_of_life(postgres)]
        began = time.monotonic()
        async with soon():
            while len(signs) < 3:
                if (last := await sign_of_life(postgres)) != signs[-1]:
                    signs.append(last)
        seconds = time.monotonic() - began
    await asyncio.gather(saving, return_exceptions=True)

    figure("L9: while a checkpoint waits a worker signs twice in", seconds, 3 * SIGN_SECONDS, "s")


async def test_a_row_that_is_locked_keeps_no_other_from_being_saved(
    postgres: Services, caller: Caller, provider: ScriptedProvider
) -> None:
    provider.words, provider.pause_before = ["One", " two", " three"], 2
    locked, free = [await caller.begin(maxTokens=16) for _ in range(2)]
    await eventually(lambda: all(turn.chars for turn in postgres.turns.running.values()))

    async with postgres.db.begin() as session:
        await session.run(TURN, locked)
        async with soon():
            while not (await turn_of(postgres, free))["lengths"]:
                await postgres.recovery.save()
        unsaved = (await turn_of(postgres, locked))["lengths"]
    async with soon():
        while not (await turn_of(postgres, locked))["lengths"]:
            await postgres.recovery.save()
    provider.go_on.set()

    assert unsaved == ""


async def test_an_account_that_is_locked_keeps_no_other_from_being_ended(
    postgres: Services, caller: Caller, bob: Person, live_url: str, provider: ScriptedProvider
) -> None:
    provider.pause_before = 2
    async with calling(live_url, bob) as other:
        theirs = {caller.person.id: await caller.begin(), bob.id: await other.begin()}
    first, second = sorted(theirs)

    async with postgres.db.begin() as session:
        await session.run(ACCOUNT, first)
        await ended_by_another(postgres, theirs[second])
        state = (await turn_of(postgres, theirs[first]))["state"]
    await ended_by_another(postgres, theirs[first])
    provider.go_on.set()

    assert state == "running"


async def test_a_worker_that_was_struck_off_does_not_end_what_it_runs_itself(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    async with two_words(caller, provider, services) as stream_id:
        async with services.db.begin() as session:
            await session.run("DELETE FROM workers")
        ended = await services.recovery.end_what_was_left()

    assert ended == 0
    assert (await turn_of(services, stream_id))["state"] == "done"


async def test_a_reply_that_another_worker_has_ended_is_hung_up_on(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.endless, provider.gap_seconds = True, 0.05
    async with caller.asking() as response:
        stream = events_of(response)
        seen = await until(stream, "answer", 3)
        await ended_by_another(services, seen[0].data["streamId"])
        began = time.monotonic()
        seen += [event async for event in stream]
        seconds = time.monotonic() - began

    assert provider.hung_up == 1
    assert len(seen) < WORDS_PAID_FOR / 2
    assert only(seen, "error")["code"] == "interrupted"
    assert (await caller.messages(seen[0].data["conversationId"]))[-1]["status"] == "interrupted"
    figure("S11: a reply that was taken over is hung up on after", seconds, HUNG_UP_SECONDS_MAX, "s")


async def test_after_a_crash_whoever_stood_in_is_paid_for(
    caller: Caller, provider: ScriptedProvider, backup: ScriptedProvider, services: Services
) -> None:
    """Also when it answered so late that `meta` had named the one who was asked."""
    provider.pause_before, provider.fail_before, provider.failure = 0, 0, ProviderFailed()
    backup.pause_before = 2
    async with caller.asking(model="failing-over") as response:
        stream = events_of(response)
        seen = await until(stream, "meta")
        provider.go_on.set()
        seen += await until(stream, "answer", 2)
        async with soon():
            while not (await turn_of(services, seen[0].data["streamId"]))["lengths"]:
                await services.recovery.save()
        await ended_by_another(services, seen[0].data["streamId"])
        backup.go_on.set()
        seen += [event async for event in stream]

    usage = only(seen, "usage")
    assert (seen[0].data["model"], usage["model"]) == ("failing-over", "backup")
    assert usage["tokensUsed"] == -(-(usage["promptTokens"] + usage["completionTokens"]) // 2)
    assert text_of(seen) == "Backup speaking."
    assert (await caller.messages(seen[0].data["conversationId"]))[-1]["model"] == "backup"


async def test_a_turn_whose_commit_comes_true_late_is_ended(caller: Caller, services: Services) -> None:
    turns = services.turns
    turns.lost["str_late"] = asyncio.get_running_loop().time()
    await services.recovery._end_what_was_lost()

    await services.db.transact(await opening(services, caller.person.id, "str_late"))
    await eventually(lambda: not turns.lost)

    row = await turn_of(services, "str_late")
    assert (row["state"], (await caller.balance())["held"]) == ("interrupted", 0)


async def opening(services: Services, user_id: str, stream_id: str) -> Opening:
    """What is in the commit whose answer is lost."""
    plan, quote = await services.turns.planned(Ask(user_id, "Hello"))
    return partial(
        open_turn,
        stream_id=stream_id,
        plan=plan,
        quote=quote,
        limits=services.turns._limits,
        worker=services.turns.worker,
        again=None,
        now=services.clock.now(),
    )


async def test_a_commit_that_never_comes_true_is_forgotten_in_the_end(services: Services) -> None:
    lost, now = services.turns.lost, asyncio.get_running_loop().time()
    lost.update({"str_old": now - LOST_SECONDS - 1, "str_new": now})

    await services.recovery._end_what_was_lost()

    assert list(lost) == ["str_new"]


async def test_a_drain_does_not_wait_for_a_database_that_does_not_answer(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.pause_before = 2
    async with caller.asking() as response:
        stream = events_of(response)
        seen = await until(stream, "answer", 2)
        async with services.db.begin() as session:
            await keep_locked(session, caller.person.id)
            began = time.monotonic()
            await services.turns.drain(0)
            seconds = time.monotonic() - began
        rest = [event async for event in stream]
    running = (await turn_of(services, seen[0].data["streamId"]))["state"]
    async with services.db.begin() as session:
        await session.run("DELETE FROM workers")
    ended = await services.recovery.end_what_was_left()

    assert (rest, running, ended) == ([], "running", 1)
    figure("S10: a drain without a database is over after", seconds, 2, "s")


async def keep_locked(session: Session, user_id: str) -> None:
    await session.run("UPDATE ledger_accounts SET held = held WHERE user_id = $1", user_id)
