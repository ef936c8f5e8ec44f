"""Any worker serves, rejoins and stops any stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from tests.chat.callers import EVENTS, only, until
from tests.chat.strict import events_of, require_grammar, text_of
from tests.figures import figure
from tests.workers.house import TOKENS, House

STOP_SECONDS_MAX = 1.0


async def test_a_stream_is_rejoined_live_at_another_worker(two: House) -> None:
    calls = two.fake.seen.calls
    async with two.somebody() as (here, there):
        async with here.asking("Go") as reply:
            seen = await until(events_of(reply), "answer", 5)
        stream_id = seen[0].data["streamId"]
        rest = await there.rejoin(stream_id, seen[-1].id)
        whole = await here.rejoin(stream_id)

    assert seen + rest == whole
    assert len(rest) > TOKENS / 2, "It was read as it came, and not made up at its end."
    assert two.fake.seen.calls == calls + 1


async def test_a_reply_is_stopped_from_another_worker(two: House) -> None:
    async with two.somebody() as (here, there), here.asking("Go") as reply:
        stream = events_of(reply)
        seen = await until(stream, "answer", 5)
        began = time.monotonic()
        usage = await there.stop(seen[0].data["streamId"])
        seconds = time.monotonic() - began
        seen += [event async for event in stream]

    figure("S4: a reply is stopped from another worker after", seconds, STOP_SECONDS_MAX, "s")
    require_grammar(seen)
    assert only(seen, "done")["finishReason"] == "stopped"
    assert usage["tokensUsed"] == only(seen, "usage")["tokensUsed"] > 0
    assert len(text_of(seen)) > 0
    await two.require_the_books_are_right()


async def test_one_key_at_two_workers_is_one_reply(two: House) -> None:
    calls = two.fake.seen.calls
    async with two.somebody() as callers:
        key = {"Idempotency-Key": "once"}
        answers = await asyncio.gather(*(caller.post("Go", key) for caller in callers for _ in range(25)))
        other = await callers[1].post("Something else", key)
        balance = await callers[1].balance()

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert two.fake.seen.calls == calls + 1
    assert balance["balance"] == answers[0].json()["usage"]["balanceAfter"]
    assert other.status_code == 409


async def test_the_balance_of_one_worker_is_told_in_the_tab_of_another(two: House) -> None:
    async with two.somebody() as (here, there), there.http.stream("GET", "/api/events", headers=EVENTS) as tab:
        lines = tab.aiter_lines()
        await line_with(lines, '"balance":1000000')
        reply = await here.post("Go", maxTokens=16)
        assert reply.status_code == 200
        await line_with(lines, f'"balance":{reply.json()["usage"]["balanceAfter"]},"held":0')


async def line_with(lines: AsyncIterator[str], words: str) -> str:
    async for line in lines:
        if words in line:
            return line
    raise AssertionError(f"The channel ended before it said {words}")
