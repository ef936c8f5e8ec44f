"""O2: Redis slow, stuck, emptied, gone and back. Readers at the same worker, billing and the books notice nothing."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple

import pytest

from app.streams.redis import CALL_SECONDS_MAX
from tests.chat.callers import Caller, only, until
from tests.chat.strict import Event, events_of, require_grammar
from tests.figures import figure
from tests.waiting import eventually
from tests.workers.house import GAP_SECONDS, TOKENS, House
from tests.workers.test_any_worker import STOP_SECONDS_MAX

RECOVERY_SECONDS_MAX = 5.0
# Between two words, where they are said every 20 ms.
GAP_MS_MAX = 250
LIVE_SECONDS = 1.5
WORDS = 150


@pytest.fixture(autouse=True)
def mended(two: House) -> Iterator[None]:
    two.fake.answer_with(WORDS, GAP_SECONDS)
    yield
    two.to_redis.mend()
    two.fake.answer_with(TOKENS, GAP_SECONDS)


class Timed(NamedTuple):
    event: Event
    at: float


async def timed(stream: AsyncIterator[Event], seen: list[Timed]) -> None:
    async for event in stream:
        seen.append(Timed(event, time.monotonic()))


async def read_at_both(here: Caller, there: Caller, break_it: Callable[[], object]) -> tuple[list[Timed], list[Timed]]:
    """Somebody reads a reply where it runs and at the other worker, and after some words the line has a fault."""
    first: list[Timed] = []
    second: list[Timed] = []
    async with here.asking("Go") as reply:
        stream = events_of(reply)
        first += [Timed(event, time.monotonic()) for event in await until(stream, "answer", 20)]
        await asyncio.to_thread(break_it)
        async with there.following(first[0].event.data["streamId"]) as other:
            await asyncio.gather(timed(stream, first), timed(events_of(other), second))
    return first, second


def longest_gap_ms(seen: list[Timed]) -> float:
    words = [each.at for each in seen if each.event.name == "answer"]
    return max(after - before for before, after in itertools.pairwise(words)) * 1000


def faults(two: House) -> dict[str, Callable[[], object]]:
    return {
        "slow": lambda: setattr(two.to_redis, "delay_seconds", 0.5),
        "stuck": two.to_redis.hold,
        "emptied": lambda: two.valkey.client().flushall(),
        "gone": two.to_redis.cut,
    }


@pytest.mark.parametrize("fault", ["slow", "stuck", "emptied", "gone"])
async def test_whatever_redis_does_both_readers_have_it_all(two: House, fault: str) -> None:
    async with two.somebody() as (here, there):
        first, second = await read_at_both(here, there, faults(two)[fault])

    events = [each.event for each in first]
    gap = longest_gap_ms(first[20:])
    figure(f"O2: Redis {fault}: the first reader waits at most", gap, GAP_MS_MAX, "ms")
    # Whoever waited for Redis would wait as long as a call to it may take.
    assert gap < CALL_SECONDS_MAX * 1000
    require_grammar(events)
    assert only(events, "done")["finishReason"] == "stop"
    assert [each.event for each in second] == events
    assert words_before(second, first[-1].at) > len(events) / 2, "It was read while it was said, not at its end."
    await two.require_the_books_are_right()


def words_before(seen: list[Timed], moment: float) -> int:
    return sum(each.event.name == "answer" for each in seen if each.at < moment)


async def test_a_reply_is_stopped_from_another_worker_without_redis(two: House) -> None:
    two.to_redis.cut()
    async with two.somebody() as (here, there), here.asking("Go") as reply:
        stream = events_of(reply)
        seen = await until(stream, "answer", 5)
        began = time.monotonic()
        usage = await there.stop(seen[0].data["streamId"])
        seconds = time.monotonic() - began
        seen += [event async for event in stream]

    figure("O2: without Redis a reply is stopped from another worker after", seconds, STOP_SECONDS_MAX, "s")
    assert only(seen, "done")["finishReason"] == "stopped"
    assert usage["tokensUsed"] == only(seen, "usage")["tokensUsed"] > 0


async def test_it_is_live_again_soon_after_redis_is_back(two: House) -> None:
    two.fake.answer_with(10 * WORDS, GAP_SECONDS)
    two.to_redis.cut()
    first: list[Timed] = []
    second: list[Timed] = []
    async with two.somebody() as (here, there), here.asking("Go", maxTokens=4000) as reply:
        stream = events_of(reply)
        meta = (await until(stream, "meta"))[0].data
        async with there.following(meta["streamId"]) as other:
            reading = [asyncio.create_task(timed(stream, first)), asyncio.create_task(timed(events_of(other), second))]
            await eventually(lambda: len(second) > 2)
            two.to_redis.mend()
            began = time.monotonic()
            seconds = await live_after(first, second) - began
            await here.stop(meta["streamId"])
            await asyncio.gather(*reading)

    figure("O2: Redis is back; readers elsewhere read live after", seconds, RECOVERY_SECONDS_MAX, "s")
    assert [each.event for each in second][1:] == [each.event for each in first]


async def live_after(first: list[Timed], second: list[Timed]) -> float:
    """When the second reader began to be no more than a moment behind, and stayed so for a while."""
    since = time.monotonic()
    while time.monotonic() - since < LIVE_SECONDS:
        await asyncio.sleep(GAP_SECONDS)
        if len(first) - len(second) > 0.3 / GAP_SECONDS or not second:
            since = time.monotonic()
    return since
