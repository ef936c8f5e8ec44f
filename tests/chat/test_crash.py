"""S11: `kill -9` in the middle of many replies. The next start ends what was left, and everybody learns how."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.db import Database
from app.ledger import audit
from tests.chat.callers import STREAMS, Caller, calling, newcomer, only
from tests.chat.strict import Event, events_of, require_grammar, text_of
from tests.command import Command, Server
from tests.fakes.upstream import upstream
from tests.figures import figure
from tests.waiting import eventually

STREAMS_AT_ONCE = 20
GAP_SECONDS = 0.02
READY_SECONDS_MAX, HEALED_SECONDS_MAX = 5, 30
EVENTS_BEFORE_KILL = 120
# The words of a second, and as much again for a machine that is busy with other tests.
WORDS_LOST_MAX = 2 * round(1 / GAP_SECONDS)


@pytest.fixture
def command(tmp_path: Path, database_url: str) -> Command:
    settings = {"DATABASE_URL": database_url, "ASSETS_DIR": str(Path(__file__).parents[2] / "var")}
    rich = {"WELCOME_TOKENS": "1000000", "TURNS_PER_USER_MAX": "100", "LOCAL_MODEL": "off"}
    return Command(tmp_path, {**settings, **rich, "OPENAI_MODEL": "fake"})


async def read_until_killed(caller: Caller, number: int, seen: list[Event]) -> None:
    async with caller.asking(f"question {number}", maxTokens=2000) as response:
        with suppress(httpx2.TransportError):
            async for event in events_of(response):
                seen.append(event)


async def kill_in_the_middle(server: Server, caller: Caller) -> list[list[Event]]:
    seen: list[list[Event]] = [[] for _ in range(STREAMS_AT_ONCE)]
    reading = [asyncio.create_task(read_until_killed(caller, number, each)) for number, each in enumerate(seen)]
    await eventually(lambda: all(len(each) >= EVENTS_BEFORE_KILL for each in seen))
    server.process.kill()
    await asyncio.to_thread(server.process.wait, 10)
    await asyncio.gather(*reading)
    return seen


async def rows(url: str, sql: str) -> list[Any]:
    db = Database(url)
    await db.open()
    try:
        async with db.read() as session:
            assert await audit.differences(session) == []
            return list(await session.rows(sql))
    finally:
        await db.close()


async def recovered(caller: Caller, seconds: float) -> None:
    """SQLite's next server knows at once that the last one is dead; with others beside it, it waits to be sure."""
    async with asyncio.timeout(seconds):
        while (await caller.get(STREAMS))["streams"]:  # noqa: ASYNC110 - it happens in another process.
            await asyncio.sleep(0.1)


async def require_it_ended_well(caller: Caller, seen: list[Event]) -> int:
    """How many of the words that were read are lost."""
    stream_id, conversation_id = seen[0].data["streamId"], seen[0].data["conversationId"]
    for after in (len(seen) - 1, 0):
        rest = await caller.rejoin(stream_id, after)
        assert rest[-1].name == "error"
        assert (rest[-1].data["code"], rest[-1].data["retryable"]) == ("interrupted", True)
        over = await caller.http.get(f"{STREAMS}/{stream_id}", headers={"Last-Event-ID": str(rest[-1].id)})
        assert over.status_code == 204
    whole = await caller.rejoin(stream_id)
    kept, usage = text_of(whole), only(whole, "usage")
    reply = (await caller.messages(conversation_id))[-1]
    assert (reply["content"], reply["status"]) == (kept, "interrupted")
    assert text_of(seen).startswith(kept) or kept.startswith(text_of(seen))
    delivered = max(len(events_with_words(seen)), len(events_with_words(whole)))
    assert usage["promptTokens"] == seen[0].data["promptTokens"]
    assert 0 < usage["completionTokens"] <= delivered * 2
    return len(events_with_words(seen)) - len(events_with_words(whole))


async def require_one_who_saw_two_words_more_is_told(
    caller: Caller, killed: list[list[Event]], database_url: str
) -> None:
    """Their ids are those that the ending has for whoever saw no more than was kept."""
    found = await rows(database_url, "SELECT id, lengths FROM turns")
    last_words = {row["id"]: len([length for length in row["lengths"].split(",") if length]) for row in found}
    # Whoever stands where another is told the ending cannot be told from that one.
    stream_id, last_word = next(
        (seen[0].data["streamId"], last_word)
        for seen in killed
        if seen[-1].id != (last_word := last_words[seen[0].data["streamId"]]) + 4
    )

    rest = await caller.rejoin(stream_id, last_word + 2)

    assert (rest[-1].name, rest[-1].id) == ("error", last_word + 4)


async def require_it_can_be_carried_on(caller: Caller, meta: dict[str, Any]) -> None:
    where = {"conversationId": meta["conversationId"], "parentId": meta["messageId"], "continue": True}

    more = await caller.ask(None, maxTokens=16, **where)

    reply = (await caller.messages(meta["conversationId"]))[-1]
    assert only(more, "usage")["promptTokens"] == 0
    assert reply["status"] == "complete"
    assert reply["content"].endswith(text_of(more))
    assert len(reply["content"]) > len(text_of(more))


def events_with_words(events: list[Event]) -> list[Event]:
    return [event for event in events if event.name == "answer" and event.data["content"]]


async def test_after_a_kill_every_reply_is_ended_and_at_most_a_second_of_it_is_lost(
    command: Command, database_url: str
) -> None:
    async with upstream(tokens=2000, gap_seconds=GAP_SECONDS) as fake, AsyncExitStack() as after:
        with command.serving(OPENAI_BASE_URL=fake.url) as server:
            ann = await newcomer(server.url)
            async with calling(server.url, ann) as caller:
                killed = await kill_in_the_middle(server, caller)
        for seen in killed:
            require_grammar(seen, whole=False)

        began = time.monotonic()
        server = after.enter_context(command.serving(OPENAI_BASE_URL=fake.url))
        ready = time.monotonic() - began
        caller = await after.enter_async_context(calling(server.url, ann))
        await recovered(caller, HEALED_SECONDS_MAX)
        healed = time.monotonic() - began
        await require_one_who_saw_two_words_more_is_told(caller, killed, database_url)
        lost = [await require_it_ended_well(caller, seen) for seen in killed]
        balance = await caller.balance()
        calls = fake.seen.calls
        await require_it_can_be_carried_on(caller, killed[0][0].data)

    figure("S11: ready after a kill", ready, READY_SECONDS_MAX, "s")
    figure("S11: all replies have ended after", healed, HEALED_SECONDS_MAX, "s")
    assert max(lost) <= WORDS_LOST_MAX
    assert balance["held"] == 0
    assert calls == STREAMS_AT_ONCE
    assert "Traceback" not in server.log.read_text()
    ended = await rows(database_url, "SELECT state FROM turns")
    assert sorted(row["state"] for row in ended) == ["done"] + ["interrupted"] * STREAMS_AT_ONCE
    assert len(await rows(database_url, "SELECT hold_id FROM hold_resolutions")) == len(ended)
