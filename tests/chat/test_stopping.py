"""S4: stop is quick and honest. The upstream is real, and so are the sockets on both of its sides."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.applications import Starlette

from app.main import create_app
from app.providers.guards import Guards
from app.providers.openai_compatible import OpenAICompatible
from app.services import Services
from app.settings import Settings
from tests.chat.callers import STREAMS, Caller, calling, newcomer, only, until
from tests.chat.strict import Event, events_of, require_grammar, text_of
from tests.conftest import settings_for
from tests.fakes.clock import FakeClock
from tests.fakes.upstream import FakeUpstream, upstream
from tests.figures import DEEP, figure
from tests.waiting import eventually

STOPS = 500 if DEEP else 60
TOKENS, GAP_SECONDS = 400, 0.004
HANG_UP_MS_MAX = 250


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, welcome_tokens=10_000_000, turns_per_user_max=50)


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with upstream(tokens=TOKENS, gap_seconds=GAP_SECONDS) as fake:
        yield fake


@pytest_asyncio.fixture
async def app(settings: Settings, clock: FakeClock, fake: FakeUpstream) -> AsyncIterator[Starlette]:
    real = OpenAICompatible("scripted", fake.url, "", Guards.of(settings))
    app = create_app(settings, clock=clock, providers={"scripted": real})
    async with app.router.lifespan_context(app):
        yield app


async def stop_somewhere(caller: Caller, fake: FakeUpstream, luck: random.Random) -> tuple[list[Event], float]:
    """What was read, and the milliseconds from asking to stop until the upstream was left."""
    name = f"stop {luck.random()}"
    async with caller.asking(name) as response:
        stream = events_of(response)
        seen = await until(stream, "answer", luck.randint(1, 60)) if luck.random() < 0.8 else [await anext(stream)]
        await asyncio.sleep(luck.random() * 0.02)
        began = time.monotonic()
        usage = await caller.stop(seen[0].data["streamId"])
        seen += [event async for event in stream]
    require_grammar(seen)
    assert usage == only(seen, "usage")
    assert only(seen, "done")["finishReason"] == "stopped"
    record = next((each for each in fake.seen if each.body["messages"][-1]["content"] == name), None)
    if record is None:
        return seen, 0
    await eventually(lambda: record.ended_at is not None)
    assert record.ending == "hung_up"
    return seen, ((record.ended_at or 0) - began) * 1000


async def test_the_upstream_is_left_at_once_and_the_bill_is_what_was_delivered(
    caller: Caller, fake: FakeUpstream, services: Services
) -> None:
    took, lucks = [], [random.Random(seed) for seed in range(STOPS)]
    tokenizer = services.models.tokenizer(services.models.pick(None))
    for start in range(0, STOPS, 5):
        stopped = await asyncio.gather(*(stop_somewhere(caller, fake, luck) for luck in lucks[start : start + 5]))
        for seen, milliseconds in stopped:
            took.append(milliseconds)
            meta, usage, text = only(seen, "meta"), only(seen, "usage"), text_of(seen)
            assert abs(usage["tokensUsed"] - meta["promptTokens"] - tokenizer.count(text)) <= 2
            assert usage["completionTokens"] > 0 or not text
            reply = (await caller.messages(meta["conversationId"]))[-1]
            assert (reply["content"], reply["status"]) == (text, "stopped")

    took.sort()
    figure(f"S4: the upstream is left, p99 of {STOPS}", took[int(STOPS * 0.99)], HANG_UP_MS_MAX, "ms")
    assert fake.seen.count("finished") == 0


async def test_stopping_again_says_the_same(caller: Caller) -> None:
    async with caller.asking() as response:
        seen = await until(events_of(response), "answer", 3)
        stream_id = seen[0].data["streamId"]
        at_once = await asyncio.gather(*(caller.stop(stream_id) for _ in range(10)))
    later = await caller.stop(stream_id)

    assert [*at_once, later] == [later] * 11
    assert later["completionTokens"] > 0
    assert (await caller.get("/api/billing/usage"))["usage"][0]["tokensUsed"] == later["tokensUsed"]


async def test_stopping_what_has_ended_answers_with_its_usage(caller: Caller) -> None:
    events = await caller.ask(maxTokens=5)

    assert await caller.stop(only(events, "meta")["streamId"]) == only(events, "usage")
    assert only(events, "done")["finishReason"] == "length"


async def test_nobody_stops_somebody_elses_reply(caller: Caller) -> None:
    url = str(caller.http.base_url)
    bob = await newcomer(url, "bob@example.com")
    async with caller.asking() as response, calling(url, bob) as other:
        stream = events_of(response)
        stream_id = (await until(stream, "answer"))[0].data["streamId"]

        refused = await other.http.delete(f"{STREAMS}/{stream_id}")
        await until(stream, "answer", 3)
        await caller.stop(stream_id)

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


async def test_a_stopped_reply_is_replayed_as_it_was(caller: Caller) -> None:
    async with caller.asking() as response:
        stream = events_of(response)
        seen = await until(stream, "answer", 3)
        await caller.stop(seen[0].data["streamId"])
        seen += [event async for event in stream]

    assert await caller.rejoin(seen[0].data["streamId"]) == seen


async def test_a_stop_before_the_first_word_ends_in_order(caller: Caller, fake: FakeUpstream) -> None:
    async with upstream("stall_before_content") as silent:
        fake._server.options = silent._server.options
        stream_id = await caller.begin()
        await eventually(lambda: fake.seen.calls == 1)
        usage = await caller.stop(stream_id)
        await eventually(lambda: fake.last.ending == "hung_up")

    events = await caller.rejoin(stream_id)
    assert usage["completionTokens"] == 0
    assert usage["tokensUsed"] == only(events, "meta")["promptTokens"]
    assert only(events, "usage") == usage
