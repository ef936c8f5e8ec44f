"""The forms of a reply: events, JSON, bare text, and the promise of it."""

from __future__ import annotations

import asyncio

import pytest

from app.providers.provider import ProviderBusy, ProviderRefused, ProviderTimeout, UpstreamTruncated
from app.services import Services
from tests.chat.callers import ASYNC, JSON, TEXT, URL, Caller, only
from tests.chat.strict import read_all, text_of
from tests.fakes.provider import ScriptedProvider
from tests.waiting import eventually


async def test_as_json_it_comes_when_it_is_whole(caller: Caller) -> None:
    answer = await caller.post("Hello", JSON)

    body = answer.json()
    events = await caller.rejoin(answer.headers["x-stream-id"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["location"] == f"{URL}/streams/{answer.headers['x-stream-id']}"
    assert body == {
        "conversationId": only(events, "meta")["conversationId"],
        "messageId": only(events, "meta")["messageId"],
        "content": "Hello, you.",
        "finishReason": "stop",
        "usage": only(events, "usage"),
    }


async def test_as_text_it_is_nothing_but_the_words_as_they_come(caller: Caller, provider: ScriptedProvider) -> None:
    provider.words, provider.pause_before = ["Größe", " 東京", "\n🦊"], 1

    async with caller.asking(headers=TEXT) as response:
        pieces = response.aiter_raw()
        first = await anext(pieces)
        provider.go_on.set()
        rest = b"".join([piece async for piece in pieces])

    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert first.decode() == "Größe"
    assert rest.decode() == " 東京\n🦊"


async def test_a_promise_comes_before_the_first_word(caller: Caller, provider: ScriptedProvider) -> None:
    provider.pause_before = 0

    answer = await caller.post("Hello", ASYNC)
    provider.go_on.set()
    events = await caller.rejoin(answer.json()["streamId"])

    meta = only(events, "meta")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{URL}/streams/{meta['streamId']}"
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.json() == {name: meta[name] for name in ("streamId", "conversationId", "messageId")}
    assert text_of(events) == "Hello, you."


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/event-stream; charset=utf-8"),
        ("*/*", "text/event-stream; charset=utf-8"),
        ("image/png", "text/event-stream; charset=utf-8"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/plain;q=0.5, application/json;q=0.4", "text/plain; charset=utf-8"),
        ("text/*", "text/event-stream; charset=utf-8"),
    ],
)
async def test_the_caller_says_which_form(caller: Caller, accept: str | None, kind: str) -> None:
    headers = {"Accept": accept} if accept is not None else {"Accept": ""}

    answer = await caller.http.post(URL, json={"message": "Hello"}, headers=headers)

    assert answer.headers["content-type"] == kind


FAILURES = [(ProviderTimeout(), 504, "provider_timeout"), (ProviderBusy(retry_after_seconds=7), 503, "provider_busy")]


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES, ids=["timeout", "busy"])
@pytest.mark.parametrize("headers", [JSON, TEXT], ids=["json", "text"])
async def test_a_failure_before_the_first_word_has_its_own_status(
    caller: Caller, provider: ScriptedProvider, headers: dict[str, str], failure: Exception, status: int, code: str
) -> None:
    provider.fail_before, provider.failure = 0, failure

    answer = await caller.post("Hello", headers)

    body = answer.json()
    assert (answer.status_code, body["code"], body["retryable"], body["balance"]) == (status, code, True, 1000)
    assert body["streamId"] == answer.headers["x-stream-id"]
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)
    assert body.get("retryAfterSeconds") == (7 if status == 503 else None)
    events = await caller.rejoin(body["streamId"])
    assert [event.name for event in events] == ["meta", "error"]


async def test_a_busy_model_says_when_to_come_back_though_its_provider_did_not(
    caller: Caller, provider: ScriptedProvider
) -> None:
    provider.fail_before, provider.failure = 0, ProviderBusy()

    answer = await caller.post("Hello", JSON)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_what_cannot_be_helped_says_so_in_every_form(caller: Caller, provider: ScriptedProvider) -> None:
    provider.fail_before, provider.failure = 0, ProviderRefused()

    as_json = await caller.post("Hello", JSON)
    as_event = await caller.post("Hello", {"Accept": "text/plain, text/event-stream;q=0.5"})

    assert as_json.json()["retryable"] is False
    assert as_event.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert '"retryable":false' in as_event.text


async def test_a_failure_in_the_middle_has_its_status_as_json_and_the_words_are_kept(
    caller: Caller, provider: ScriptedProvider
) -> None:
    provider.fail_before, provider.failure = 2, UpstreamTruncated()

    answer = await caller.post("Hello", JSON)

    body = answer.json()
    kept = (await caller.messages(body["conversationId"]))[-1]
    assert (answer.status_code, body["code"], body["retryable"]) == (502, "upstream_truncated", True)
    assert (kept["id"], kept["content"], kept["status"]) == (body["messageId"], "Hello, ", "failed")
    assert body["balance"] == 1000 - kept["usage"]["tokensUsed"] < 1000


async def test_text_that_breaks_off_is_seen_to_break_off(caller: Caller, provider: ScriptedProvider) -> None:
    """A shell's only sign of it is how the connection ended."""
    provider.fail_before, provider.failure = 2, UpstreamTruncated()

    curl = await asyncio.create_subprocess_exec(
        *("curl", "-sN", "--max-time", "10", "-H", "Accept: text/plain", "-H", "Content-Type: application/json"),
        *("-H", f"Authorization: Bearer {caller.person.token}", "-d", '{"message": "Hello"}'),
        f"{str(caller.http.base_url).rstrip('/')}{URL}",
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await curl.communicate()

    assert out == b"Hello, "
    assert curl.returncode == 18


async def test_whoever_waits_for_json_and_leaves_stops_nothing(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.pause_before = 2
    waiting = asyncio.create_task(caller.post("Hello", JSON))
    await provider.paused.wait()
    (stream_id,) = services.turns.running
    turn = services.turns.running[stream_id]
    await eventually(lambda: turn.readers == 1)

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await eventually(lambda: turn.readers == 0)
    provider.go_on.set()

    assert text_of(await caller.rejoin(stream_id)) == "Hello, you."


async def test_text_is_the_same_for_who_asks_late(caller: Caller, provider: ScriptedProvider) -> None:
    """The same key again, when the reply has ended: it is told from what was kept."""
    headers = {**TEXT, "Idempotency-Key": "one"}
    async with caller.asking(headers=headers) as response:
        first = b"".join([piece async for piece in response.aiter_raw()])
    async with caller.asking(headers=headers) as response:
        second = b"".join([piece async for piece in response.aiter_raw()])

    assert first == second == b"Hello, you."
    assert response.headers["idempotency-replayed"] == "true"
    assert len(provider.asked) == 1


async def test_a_reply_without_a_word_is_a_reply(caller: Caller, provider: ScriptedProvider) -> None:
    provider.words = []

    events = await caller.ask()
    as_json, as_text = [await caller.post("Hello", headers) for headers in (JSON, TEXT)]

    assert text_of(events) == as_json.json()["content"] == as_text.text == ""
    assert only(events, "usage")["completionTokens"] == 0


async def test_a_follower_always_gets_events(caller: Caller) -> None:
    stream_id = await caller.begin()

    async with caller.http.stream("GET", f"{URL}/streams/{stream_id}", headers=JSON) as response:
        events = await read_all(response)

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert text_of(events) == "Hello, you."
