"""A reply as it comes: the events, their order, their headers, and that nothing holds them back."""

from __future__ import annotations

import time

import pytest

from app.services import Services
from tests.chat.callers import ASYNC, EVENTS, STREAMS, TEXT, Caller, only, until
from tests.chat.strict import events_of, read_all, text_of
from tests.fakes.provider import ScriptedProvider
from tests.figures import figure
from tests.waiting import soon

OUT_MS_MAX, META_MS_MAX, SILENCE_SECONDS_MAX = 250, 200, 15
PROMPT_TOKENS = 8


async def test_a_reply_is_told_as_promised(caller: Caller) -> None:
    events = await caller.ask("Hello")

    meta, usage, done = (only(events, name) for name in ("meta", "usage", "done"))
    assert [event.name for event in events] == ["meta", *["answer"] * 4, "usage", "done"]
    assert text_of(events) == "Hello, you."
    assert meta["conversationId"] == meta["conversation_id"]
    assert (meta["created"], meta["model"], meta["balance"]) == (True, "scripted", 1000)
    assert meta["promptTokens"] == PROMPT_TOKENS
    assert {name: usage[name] for name in ("promptTokens", "completionTokens", "historyTokens", "tokensUsed")} == {
        "promptTokens": PROMPT_TOKENS,
        "completionTokens": 4,
        "historyTokens": 0,
        "tokensUsed": PROMPT_TOKENS + 4,
    }
    assert usage["balanceAfter"] == 1000 - usage["tokensUsed"]
    assert usage["held"] == meta["held"] == usage["tokensUsed"] + usage["released"]
    assert (usage["countedBy"], usage["encoding"], usage["cached"]) == ("tiktoken", "o200k_base", False)
    assert done == {
        "conversationId": meta["conversationId"],
        "messageId": meta["messageId"],
        "finishReason": "stop",
    }


async def test_who_sees_done_and_asks_sees_the_same_balance(caller: Caller) -> None:
    async with caller.asking() as response:
        seen = await until(events_of(response), "done")
        balance = await caller.balance()

    after = only(seen, "usage")["balanceAfter"]
    assert balance == {"balance": after, "held": 0, "available": after, "owed": 0}


async def test_what_was_read_is_what_is_kept(caller: Caller) -> None:
    events = await caller.ask("Hello")

    meta = only(events, "meta")
    question, reply = await caller.messages(meta["conversationId"])
    assert (question["id"], question["role"], question["content"]) == (meta["userMessageId"], "user", "Hello")
    assert (reply["id"], reply["content"], reply["status"]) == (meta["messageId"], text_of(events), "complete")
    assert reply["usage"]["tokensUsed"] == only(events, "usage")["tokensUsed"]


async def test_a_second_message_knows_the_first(caller: Caller, provider: ScriptedProvider) -> None:
    first = await caller.ask("My name is Ann.")
    conversation_id = only(first, "meta")["conversationId"]

    second = await caller.ask("What is my name?", conversationId=conversation_id)

    assert [message.content for message in provider.asked[1].messages] == [
        "My name is Ann.",
        "Hello, you.",
        "What is my name?",
    ]
    assert only(second, "meta")["created"] is False
    usage = only(second, "usage")
    assert 0 < usage["historyTokens"] < usage["promptTokens"]


@pytest.mark.parametrize("headers", [EVENTS, {"Accept": "*/*"}, TEXT], ids=["events", "anything", "text"])
async def test_no_stream_is_packed_or_kept_back_on_its_way(caller: Caller, headers: dict[str, str]) -> None:
    async with caller.asking(headers={**headers, "Accept-Encoding": "gzip, br, zstd"}) as response:
        body = b"".join([part async for part in response.aiter_raw()])
    stream_id = response.headers["x-stream-id"]
    async with caller.following(stream_id) as again:
        await read_all(again)

    for each in (response, again):
        assert each.status_code == 200
        assert each.headers["cache-control"] == "no-store, no-transform"
        assert each.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in each.headers
        assert each.headers["x-stream-id"] == stream_id
        assert each.headers["location"] == f"/api/chat/streams/{stream_id}"
        assert each.headers["x-request-id"]
    assert b"you." in body
    kind = "text/plain" if headers is TEXT else "text/event-stream"
    assert response.headers["content-type"] == f"{kind}; charset=utf-8"


async def test_every_event_is_out_at_once(caller: Caller, provider: ScriptedProvider) -> None:
    """S16: from the provider's word to the reader, over a socket."""
    spoken: list[float] = []

    class Words(list[str]):
        def __getitem__(self, number: object) -> str:  # type: ignore[override]
            spoken.append(time.monotonic())
            return f" {number}"

    provider.words, provider.gap_seconds = Words([""] * 40), 0.01
    arrived: list[float] = []

    async with caller.asking(headers={**EVENTS, "Accept-Encoding": "gzip"}) as response:
        async for event in events_of(response):
            if event.name == "answer" and not event.data["finished"]:
                arrived.append(time.monotonic())

    took = sorted((there - said) * 1000 for said, there in zip(spoken, arrived, strict=True))
    figure(f"S16: an event is out, of {len(took)} at most", took[-1], OUT_MS_MAX, "ms")
    assert len(took) == 40


async def test_meta_comes_before_the_provider_has_said_a_word(caller: Caller, provider: ScriptedProvider) -> None:
    """S9."""
    provider.pause_before = 0

    began = time.monotonic()
    async with caller.asking() as response:
        stream = events_of(response)
        meta = await anext(stream)
        took = (time.monotonic() - began) * 1000
        provider.go_on.set()
        rest = [event.name async for event in stream]

    figure("S9: meta after", took, META_MS_MAX, "ms")
    assert meta.name == "meta"
    assert rest[-1] == "done"


async def test_of_two_models_the_one_that_may_answer_is_named_soon(caller: Caller, provider: ScriptedProvider) -> None:
    """`meta` would like to know who answers, and does not wait long for it."""
    provider.pause_before = 0

    began = time.monotonic()
    async with caller.asking(model="failing-over") as response:
        stream = events_of(response)
        meta = await anext(stream)
        took = (time.monotonic() - began) * 1000
        provider.go_on.set()
        await until(stream, "done")

    figure("S9: meta of one of two models after", took, 2 * META_MS_MAX, "ms")
    assert meta.data["model"] == "failing-over"


@pytest.mark.either_engine
async def test_a_long_silence_is_kept_alive(caller: Caller, provider: ScriptedProvider) -> None:
    """S9: a comment well before fifteen seconds are over."""
    provider.pause_before = 1

    async with caller.asking() as response:
        pieces = response.aiter_raw()
        began = time.monotonic()
        async with soon():
            while not (piece := await anext(pieces)).startswith(b":"):
                began = time.monotonic()
        silence = time.monotonic() - began
        provider.go_on.set()
        rest = b"".join([piece async for piece in pieces])

    figure("S9: a comment after a silence of", silence, SILENCE_SECONDS_MAX, "s")
    assert piece == b": still here\n\n"
    assert b"event: done" in rest


async def test_running_replies_are_listed(caller: Caller, provider: ScriptedProvider, services: Services) -> None:
    provider.pause_before = 1
    answer = await caller.post("Hello", ASYNC)
    promised = answer.json()

    running = (await caller.get("/api/chat/streams"))["streams"]
    provider.go_on.set()
    await caller.rejoin(promised["streamId"])

    assert [{**stream, "startedAt": "", "model": ""} for stream in running] == [
        {**promised, "startedAt": "", "model": ""}
    ]
    assert running[0]["startedAt"].endswith("Z")
    assert (await caller.get("/api/chat/streams"))["streams"] == []


async def test_running_replies_are_paged_like_every_list(caller: Caller, provider: ScriptedProvider) -> None:
    provider.pause_before = 1
    begun = [await caller.begin(f"Hello {number}", maxTokens=8) for number in range(3)]

    first = await caller.get(STREAMS, limit=2)
    second = await caller.get(STREAMS, limit=2, cursor=first["nextCursor"])
    refused = await caller.http.get(STREAMS, params={"limit": "many"})
    provider.go_on.set()
    for stream_id in begun:
        await caller.rejoin(stream_id)

    pages = [[stream["streamId"] for stream in page["streams"]] for page in (first, second)]
    assert (pages, second["nextCursor"]) == ([begun[:2], begun[2:]], None)
    assert refused.status_code == 422
