"""L8: stop, finish, drain and recovery through one barrier; L15: what was told is what is booked."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from app.chat.turn import Turn
from app.services import Services
from app.settings import Settings
from tests.chat.callers import Caller, only, until
from tests.chat.houses import another_worker
from tests.chat.strict import Event, events_of, require_grammar
from tests.conftest import settings_for
from tests.databases import Databases
from tests.fakes.provider import ScriptedProvider
from tests.figures import DEEP
from tests.waiting import eventually

TRIALS = 2_000 if DEEP else 100
SESSIONS = 200 if DEEP else 60
WORDS = [f" w{number}" for number in range(12)]


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, welcome_tokens=100_000_000, turns_per_user_max=50)


async def race(services: Services, turn: Turn, luck: random.Random, provider: ScriptedProvider) -> None:
    """Everybody who may end a turn wants to, at the same moment, in any order."""
    barrier = asyncio.Barrier(4)
    turns, another = services.turns, another_worker(services)

    async def finish() -> None:
        provider.go_on.set()

    async def stop() -> None:
        await turns.stop(turn)

    async def drain() -> None:
        await turns.stop(turn, "draining")

    async def take_over() -> None:
        """What another worker does that takes this one for dead."""
        async with services.db.begin() as session:
            await session.run("DELETE FROM workers")
        await another.end_what_was_left()

    async def at_once(ender: object) -> None:
        await barrier.wait()
        for _ in range(luck.randrange(4)):
            await asyncio.sleep(0)
        await ender()  # type: ignore[operator]

    enders = [finish, stop, drain, take_over]
    luck.shuffle(enders)
    await asyncio.gather(*(at_once(ender) for ender in enders))


async def test_whoever_races_there_is_one_ending(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    states: Counter[str] = Counter()
    for trial in range(TRIALS):
        provider.pause_before, provider.paused, provider.go_on = 2, asyncio.Event(), asyncio.Event()
        stream_id = await caller.begin()
        await provider.paused.wait()
        turn = services.turns.running[stream_id]

        await race(services, turn, random.Random(trial), provider)
        await turn.over()

        async with services.db.read() as session:
            resolutions = await session.rows("SELECT * FROM hold_resolutions WHERE hold_id = $1", turn.facts.hold_id)
            row = await session.row("SELECT * FROM turns WHERE id = $1", stream_id)
        assert row is not None
        told = await caller.rejoin(stream_id)
        terminal = told[-1].name
        states[row["state"]] += 1
        assert len(resolutions) == 1
        assert terminal == ("error" if row["error"] else "done")
        assert sum(event.name == "usage" for event in told) == bool(row["usage"])
        charged = sum(event.data["tokensUsed"] for event in told if event.name == "usage")
        assert charged == resolutions[0]["charged"]
        assert turn.log.frames[-1].startswith(f"id: {len(turn.log.frames) - 1}\nevent: {terminal}".encode())

    print(f"L8: {TRIALS} races ended as {dict(states)}")  # noqa: T201
    assert len(states) >= 2


async def live(caller: Caller, provider: ScriptedProvider, luck: random.Random) -> list[Event]:
    """Somebody who reads to the end, stops, or leaves and comes back."""
    how = luck.choice(["read", "stop", "leave"])
    limit: dict[str, Any] = {"maxTokens": luck.randint(1, 30)} if luck.random() < 0.4 else {}
    model = luck.choice(["scripted", "pricey", "failing-over"])
    async with caller.asking("Hello " * luck.randint(1, 40), model=model, **limit) as response:
        stream = events_of(response)
        seen = [await anext(stream)]
        stream_id = seen[0].data["streamId"]
        if how == "read":
            seen += [event async for event in stream]
        else:
            events_read = luck.randint(1, 7)
            while len(seen) < events_read and (event := await anext(stream, None)) is not None:
                seen.append(event)
    if how == "stop":
        await caller.stop(stream_id)
    if how != "read":
        seen += await caller.rejoin(stream_id, seen[-1].id)
    require_grammar(seen)
    return seen


async def test_what_was_told_is_what_the_ledger_says(
    caller: Caller, provider: ScriptedProvider, backup: ScriptedProvider, services: Services, databases: Databases
) -> None:
    provider.words, provider.gap_seconds, backup.gap_seconds = WORDS, 0.002, 0.002
    told = 0

    for start in range(0, SESSIONS, 20):
        lives = (live(caller, provider, random.Random(seed)) for seed in range(start, start + 20))
        for events in await asyncio.gather(*lives):
            told += only(events, "usage")["tokensUsed"]
    await eventually(lambda: not services.turns.running)

    async with services.db.read() as session:
        booked = [-row[0] for row in await session.rows("SELECT tokens FROM ledger_entries WHERE kind = 'usage'")]
    assert sum(booked) == told
    assert len(booked) == SESSIONS
    assert (await caller.balance())["balance"] == 100_000_000 - told


async def test_a_drain_ends_every_reply_once(caller: Caller, provider: ScriptedProvider, services: Services) -> None:
    provider.endless, provider.gap_seconds = True, 0.002
    async with caller.asking() as response:
        stream = events_of(response)
        seen = await until(stream, "answer", 3)
        await services.turns.drain(0)
        seen += [event async for event in stream]

    require_grammar(seen)
    assert (only(seen, "error")["code"], only(seen, "error")["retryable"]) == ("draining", True)
    assert only(seen, "usage")["completionTokens"] > 0
    refused = await caller.post()
    assert (refused.status_code, refused.json()["code"]) == (503, "draining")
    assert "kept" not in refused.json()["error"]
    assert refused.headers["retry-after"]
