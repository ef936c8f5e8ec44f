"""S3: a reader that leaves neither stops the reply nor changes its bill. One that nobody reads is stopped in time."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest

from app.chat import listeners
from app.services import Services
from app.settings import Settings
from tests.chat.callers import ASYNC, EVENTS, STREAMS, Caller, calling, newcomer, only, until
from tests.chat.strict import Event, Parser, events_of, text_of
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider
from tests.figures import DEEP, figure
from tests.waiting import eventually

LEAVINGS = 500 if DEEP else 60
WORDS = [f" piece{number}" for number in range(80)]


@pytest.fixture
def abandoned_seconds() -> int:
    return 1


@pytest.fixture
def settings(database_url: str, abandoned_seconds: int) -> Settings:
    return settings_for(
        database_url, welcome_tokens=10_000_000, turns_per_user_max=50, abandoned_seconds=abandoned_seconds
    )


async def leave_somewhere(caller: Caller, luck: random.Random) -> str:
    """Leaves at a random byte of the reply; the stream's id."""
    limit, parser = luck.randrange(0, 6_000), Parser()
    async with caller.asking(f"about {luck.random()}") as response:
        async for data in response.aiter_raw():
            parser.feed(data[:limit])
            limit -= len(data)
            if limit < 0:
                break
    return response.headers["x-stream-id"]


@pytest.mark.parametrize("abandoned_seconds", [120])
async def test_the_text_and_the_bill_are_right_whenever_the_reader_leaves(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.words, provider.gap_seconds = WORDS, 0.003
    tokens = services.models.tokenizer(services.models.pick(None)).count("".join(WORDS))

    for start in range(0, LEAVINGS, 10):
        lucks = [random.Random(seed) for seed in range(start, start + 10)]
        left = await asyncio.gather(*(leave_somewhere(caller, luck) for luck in lucks))
        await eventually(lambda: not services.turns.running)
        back = [stream_id for stream_id, luck in zip(left, lucks, strict=True) if luck.random() < 0.5]
        for events in await asyncio.gather(*(caller.rejoin(stream_id) for stream_id in back)):
            assert text_of(events) == "".join(WORDS)
            assert only(events, "usage")["completionTokens"] == tokens

    usage = await every_usage(caller)
    assert [use["completionTokens"] for use in usage] == [tokens] * LEAVINGS
    for use in usage[:20]:
        reply = (await caller.messages(use["conversationId"]))[-1]
        assert (reply["content"], reply["status"]) == ("".join(WORDS), "complete")
    assert (await caller.balance())["balance"] == 10_000_000 - sum(use["tokensUsed"] for use in usage)


async def every_usage(caller: Caller) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = await caller.get("/api/billing/usage", limit=100, **({"cursor": cursor} if cursor else {}))
        found += page["usage"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


async def test_a_reply_that_nobody_reads_any_more_is_stopped_and_charged_for_what_was_said(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.pause_before = 2
    async with caller.asking() as response:
        stream_id = (await until(events_of(response), "answer", 2))[0].data["streamId"]

    await eventually(lambda: not services.turns.running)

    events = await caller.rejoin(stream_id)
    assert provider.hung_up == 1
    assert text_of(events) == "Hello, "
    assert only(events, "done")["finishReason"] == "stopped"
    assert only(events, "usage")["completionTokens"] == 3


async def test_a_reply_that_somebody_reads_goes_on_however_long(caller: Caller, provider: ScriptedProvider) -> None:
    provider.pause_before = 2
    async with caller.asking() as response:
        stream = events_of(response)
        seen = await until(stream, "answer", 2)
        await asyncio.sleep(2)
        provider.go_on.set()
        seen += [event async for event in stream]

    assert only(seen, "done")["finishReason"] == "stop"


async def test_a_reply_that_was_begun_to_be_read_later_is_not_abandoned(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.pause_before = 2
    stream_id = await caller.begin()
    async with caller.following(stream_id) as response:
        await until(events_of(response), "answer")

    await asyncio.sleep(2)
    running = list(services.turns.running)
    provider.go_on.set()

    assert running == [stream_id]
    assert text_of(await caller.rejoin(stream_id)) == "Hello, you."


async def test_nor_is_one_that_was_promised_to_whoever_asked_again(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.pause_before, key = 2, {"Idempotency-Key": "again"}
    async with caller.asking(headers={**EVENTS, **key}) as response:
        await until(events_of(response), "answer")
    promised = await caller.post("Hello", {**ASYNC, **key})

    await asyncio.sleep(2)
    running = list(services.turns.running)
    provider.go_on.set()

    assert (promised.status_code, running) == (202, [promised.json()["streamId"]])
    assert text_of(await caller.rejoin(running[0])) == "Hello, you."


@pytest.mark.parametrize("abandoned_seconds", [3])
async def test_a_reply_is_kept_for_as_long_as_somebody_reads_it_in_another_worker(
    caller: Caller, provider: ScriptedProvider, services: Services, abandoned_seconds: int
) -> None:
    provider.pause_before = 2
    async with caller.asking() as response:
        stream_id = (await until(events_of(response), "answer", 2))[0].data["streamId"]

    until_then = time.monotonic() + abandoned_seconds * 1.5
    while time.monotonic() < until_then:
        async with services.db.begin() as session:
            await listeners.note(session, stream_id)
        await asyncio.sleep(0.2)
    running = list(services.turns.running)
    await eventually(lambda: not services.turns.running)

    assert (running, provider.hung_up) == ([stream_id], 1)


async def test_signing_out_ends_open_readers_and_not_the_reply(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    url = str(caller.http.base_url)
    bob = await newcomer(url, "bob@example.com")
    provider.pause_before = 1
    async with calling(url, bob) as other, other.asking() as response, caller.asking() as mine:
        stream, ours = events_of(response), events_of(mine)
        await until(stream, "answer")
        seen = await until(ours, "answer")
        began = time.monotonic()
        await other.http.post("/api/auth/logout")
        rest = [event async for event in stream]
        took = time.monotonic() - began
        provider.go_on.set()
        seen += [event async for event in ours]
        refused = await other.http.get(STREAMS)

    figure("A3: an open stream ends after signing out", took, 5, "s")
    assert rest == []
    assert refused.status_code == 401
    assert only(seen, "done")["finishReason"] == "stop"


async def test_deleting_a_conversation_stops_its_reply_and_keeps_the_charge_and_nothing_else(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.pause_before = 2
    async with caller.asking() as response:
        stream = events_of(response)
        seen: list[Event] = await until(stream, "answer", 2)
        meta = seen[0].data
        deleted = await caller.http.delete(f"/api/conversations/{meta['conversationId']}")
        seen += [event async for event in stream]

    gone = await caller.http.get(f"{STREAMS}/{meta['streamId']}", headers=EVENTS)
    statement = (await caller.get("/api/billing/ledger"))["entries"]
    usage = only(seen, "usage")
    assert (deleted.status_code, gone.status_code, provider.hung_up) == (204, 404, 1)
    assert [entry["tokens"] for entry in statement if entry["kind"] == "usage"] == [-usage["tokensUsed"]]
    assert only(seen, "done")["finishReason"] == "stopped"
    async with services.db.read() as session:
        assert await session.rows("SELECT id FROM messages") == []
