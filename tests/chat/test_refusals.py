"""What is refused before anything is begun: with its real status, in the caller's form, and free of charge."""

from __future__ import annotations

from typing import Any

import pytest

from app.services import Services
from app.settings import Settings
from tests.chat.callers import EVENTS, JSON, URL, Caller, only, until
from tests.chat.conftest import grant
from tests.chat.strict import Parser, events_of
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider

POOR = 20


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, welcome_tokens=POOR, turns_per_user_max=2)


async def holds(services: Services) -> int:
    async with services.db.read() as session:
        return len(await session.rows("SELECT id FROM holds"))


async def test_a_balance_that_is_too_small_is_402_with_the_figures(caller: Caller, services: Services) -> None:
    as_json = await caller.post("Hello there", JSON)
    as_events = await caller.post("Hello there", EVENTS)

    (event,) = Parser().feed(as_events.content)
    figures = {"balance": POOR, "available": POOR, "needed": 9 + 16, "affordable": POOR - 9}
    for answer, body in ((as_json, as_json.json()), (as_events, event.data)):
        assert answer.status_code == 402
        assert body["code"] == "insufficient_tokens"
        assert {name: body[name] for name in figures} == figures
        assert body["requestId"] == answer.headers["x-request-id"]
    assert (event.id, event.name) == (0, "error")
    assert as_events.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "x-stream-id" not in as_json.headers
    assert await holds(services) == 0
    assert (await caller.get("/api/conversations"))["conversations"] == []


async def test_a_short_reply_is_affordable_where_a_long_one_is_not(caller: Caller) -> None:
    events = await caller.ask("Hello there", maxTokens=POOR - 9)

    assert only(events, "meta")["held"] == POOR
    assert only(events, "usage")["tokensUsed"] == 9 + 4


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": "Hi", "colour": "red"}, "colour"),
        ({"message": "Hi", "conversation_id": "cnv_1"}, "conversation_id"),
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": " \n\t\u2028 "}, "message"),
        ({"message": None}, "message"),
        ({"message": 7}, "message"),
        ({"message": "x" * 8001}, "message"),
        ({"message": "NUL\u0000"}, "message"),
        ({"message": "Hi", "maxTokens": 0}, "maxTokens"),
        ({"message": "Hi", "maxTokens": 1.5}, "maxTokens"),
        ({"message": "Hi", "maxTokens": True}, "maxTokens"),
        ({"message": "Hi", "regenerate": True, "conversationId": "c", "parentId": "m"}, "message"),
        ({"regenerate": True, "continue": True, "conversationId": "c", "parentId": "m"}, "message"),
        ({"regenerate": True}, "parentId"),
        ({"continue": True, "conversationId": "cnv_1"}, "parentId"),
        ({"message": "Hi", "parentId": "msg_1"}, "conversationId"),
        ({"message": "Hi", "model": "x" * 65}, "model"),
    ],
)
@pytest.mark.either_engine
async def test_what_makes_no_sense_is_named(caller: Caller, body: dict[str, Any], field: str) -> None:
    answer = await caller.http.post(URL, json=body, headers=JSON)
    quote = await caller.http.post(f"{URL}/quote", json=body)

    for refused in (answer, quote):
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        assert [fault["field"] for fault in refused.json()["fields"]] == [field]


async def test_a_lone_surrogate_is_refused_and_not_stumbled_over(caller: Caller) -> None:
    body = b'{"message": "half \\ud83d of it"}'

    answer = await caller.http.post(URL, content=body, headers={**JSON, "Content-Type": "application/json"})

    assert answer.status_code in (400, 422)


async def test_a_model_that_is_not_here_is_refused_with_the_list(caller: Caller) -> None:
    answer = await caller.post("Hello", JSON, model="gpt-17")

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_model")
    assert "scripted" in answer.json()["models"]
    assert "tiny" in answer.json()["models"]


async def test_a_message_that_the_model_cannot_read_is_refused_with_the_figures(caller: Caller) -> None:
    answer = await caller.post("one two three four " * 200, JSON, model="tiny")

    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "message_too_long_for_model")
    assert body["promptTokens"] > body["windowTokens"] == 500


@pytest.mark.parametrize("field", ["conversationId", "parentId"])
async def test_what_belongs_to_nobody_is_not_found(caller: Caller, field: str) -> None:
    conversation_id = only(await caller.ask(maxTokens=5), "meta")["conversationId"]

    answer = await caller.post("Hi", JSON, **{"conversationId": conversation_id, field: "made-up"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_second_message_while_one_is_answered_is_409_with_the_stream(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.pause_before = 1
    async with caller.asking(maxTokens=4) as response:
        stream = events_of(response)
        meta = (await until(stream, "answer"))[0].data
        answer = await caller.post("And?", JSON, conversationId=meta["conversationId"])
        taken = await holds(services)
        provider.go_on.set()
        await until(stream, "done")

    assert (answer.status_code, answer.json()["code"]) == (409, "turn_running")
    assert answer.json()["streamId"] == meta["streamId"]
    assert taken == 1


async def test_one_reply_too_many_is_429_and_holds_nothing(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    await grant(services, caller.person.id, 100)
    provider.pause_before = 0
    running = [await caller.begin("Hi", maxTokens=1) for _ in range(2)]
    before = await caller.balance()

    answer = await caller.post("Hi", JSON, maxTokens=1)

    after = await caller.balance()
    provider.go_on.set()
    for stream_id in running:
        await caller.rejoin(stream_id)
    assert (answer.status_code, answer.json()["code"], answer.json()["running"]) == (429, "too_many_turns", 2)
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["ratelimit-policy"] == '"replies";q=2'
    assert answer.headers["ratelimit"] == f'"replies";r=0;t={answer.headers["retry-after"]}'
    assert before == after
    assert len(provider.asked) == 2
    assert (await caller.post("Hi", JSON, maxTokens=1)).status_code == 200
