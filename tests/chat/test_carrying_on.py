"""A reply that ended early carries on in the same message, and only its new part is charged."""

from __future__ import annotations

from typing import Any

import pytest

from app.providers.provider import ProviderFailed, UpstreamTruncated
from app.services import Services
from app.settings import Settings
from tests.chat.callers import JSON, URL, Caller, only, raw, until
from tests.chat.conftest import grant
from tests.chat.strict import Event, events_of, text_of
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider

WELCOME = 60
MORE = [" And", " more", "."]


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, welcome_tokens=WELCOME)


def carry_on(events: list[Event]) -> dict[str, Any]:
    meta = only(events, "meta")
    return {"conversationId": meta["conversationId"], "parentId": meta["messageId"], "continue": True}


async def require_joined(
    caller: Caller, provider: ScriptedProvider, first: list[Event], second: list[Event], tokens: int
) -> None:
    """One message with both texts, the new part charged, and both streams readable as they were."""
    mine, usage = only(second, "meta"), only(second, "usage")
    assert mine["messageId"] == only(first, "meta")["messageId"]
    assert (usage["promptTokens"], usage["tokensUsed"], usage["completionTokens"]) == (0, tokens, tokens)
    reply = (await caller.messages(mine["conversationId"]))[-1]
    assert (reply["content"], reply["status"]) == (text_of(first) + text_of(second), "complete")
    asked = [(message.role, message.content) for message in provider.asked[-1].messages]
    assert asked[:2] == [("user", "Hello"), ("assistant", text_of(first))]
    assert raw(await caller.rejoin(only(first, "meta")["streamId"])) == raw(first)
    assert raw(await caller.rejoin(mine["streamId"])) == raw(second)


async def test_after_a_limit(caller: Caller, provider: ScriptedProvider) -> None:
    provider.reason = "length"
    first = await caller.ask(maxTokens=8)
    provider.words, provider.reason = MORE, "stop"

    second = await caller.ask(None, **carry_on(first))

    assert only(first, "done")["finishReason"] == "length"
    await require_joined(caller, provider, first, second, 3)
    spent = only(first, "usage")["tokensUsed"] + 3
    assert (await caller.balance())["balance"] == WELCOME - spent


async def test_after_a_stop(caller: Caller, provider: ScriptedProvider) -> None:
    provider.pause_before = 2
    async with caller.asking() as response:
        stream = events_of(response)
        first = await until(stream, "answer", 2)
        await caller.stop(first[0].data["streamId"])
        first += [event async for event in stream]
    provider.words, provider.pause_before = MORE, None

    second = await caller.ask(None, **carry_on(first))

    await require_joined(caller, provider, first, second, 3)


async def test_after_the_balance_was_used_up_and_topped_up(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.words, provider.endless, provider.reason = [" word"], True, None
    first = await caller.ask()
    refused = await caller.post(None, JSON, **carry_on(first))
    await grant(services, caller.person.id, 500)
    provider.words, provider.endless, provider.reason = MORE, False, "stop"

    second = await caller.ask(None, **carry_on(first))

    assert only(first, "done")["finishReason"] == "balance"
    assert only(first, "usage")["balanceAfter"] == 0
    assert only(first, "usage")["tokensUsed"] == WELCOME
    assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_tokens")
    await require_joined(caller, provider, first, second, 3)


async def test_after_a_failure_in_the_middle(caller: Caller, provider: ScriptedProvider) -> None:
    provider.fail_before, provider.failure = 2, UpstreamTruncated()
    first = await caller.ask()
    provider.words, provider.failure = MORE, None

    second = await caller.ask(None, **carry_on(first))

    assert only(first, "error")["code"] == "upstream_truncated"
    await require_joined(caller, provider, first, second, 3)


async def test_after_a_failure_before_the_first_word_the_whole_is_asked_and_charged(
    caller: Caller, provider: ScriptedProvider
) -> None:
    provider.fail_before, provider.failure = 0, ProviderFailed()
    first = await caller.ask()
    provider.failure = None

    second = await caller.ask(None, **carry_on(first))

    usage = only(second, "usage")
    assert [event.name for event in first] == ["meta", "error"]
    assert usage["promptTokens"] == only(first, "meta")["promptTokens"] > 0
    assert usage["tokensUsed"] == usage["promptTokens"] + 4
    reply = (await caller.messages(only(first, "meta")["conversationId"]))[-1]
    assert (reply["content"], reply["status"]) == ("Hello, you.", "complete")
    assert [message.content for message in provider.asked[-1].messages] == ["Hello"]


async def test_a_failure_before_its_first_word_leaves_the_prompt_paid_for(
    caller: Caller, provider: ScriptedProvider
) -> None:
    provider.reason = "length"
    first = await caller.ask(maxTokens=8)
    provider.fail_before, provider.failure = 0, ProviderFailed()
    failed = await caller.ask(None, **carry_on(first))
    meanwhile = (await caller.messages(only(first, "meta")["conversationId"]))[-1]
    provider.words, provider.failure, provider.reason = MORE, None, "stop"

    second = await caller.ask(None, **carry_on(first))

    assert [event.name for event in failed] == ["meta", "error"]
    assert (meanwhile["content"], meanwhile["status"]) == (text_of(first), "failed")
    assert meanwhile["usage"] == only(first, "usage")
    await require_joined(caller, provider, first, second, 3)


async def test_more_than_once(caller: Caller, provider: ScriptedProvider) -> None:
    provider.words, provider.reason = [" one"], "length"
    parts = [await caller.ask()]
    for word, reason in ((" two", "length"), (" three", "stop")):
        provider.words, provider.reason = [word], reason  # type: ignore[assignment]
        parts.append(await caller.ask(None, **carry_on(parts[0])))

    reply = (await caller.messages(only(parts[0], "meta")["conversationId"]))[-1]
    assert reply["content"] == " one two three"
    assert [only(part, "usage")["tokensUsed"] for part in parts[1:]] == [1, 1]
    assert [raw(await caller.rejoin(only(part, "meta")["streamId"])) for part in parts] == [*map(raw, parts)]


async def test_the_quote_knows_that_the_prompt_is_paid_for(caller: Caller, provider: ScriptedProvider) -> None:
    provider.reason = "length"
    first = await caller.ask(maxTokens=8)

    quote = (await caller.http.post(f"{URL}/quote", json=carry_on(first) | {"maxTokens": 20})).json()

    assert (quote["promptTokens"], quote["held"], quote["maxTokens"]) == (0, 20, 20)


async def test_what_is_complete_cannot_be_carried_on(caller: Caller) -> None:
    first = await caller.ask()

    answer = await caller.post(None, JSON, **carry_on(first))

    assert (answer.status_code, answer.json()["code"]) == (409, "not_continuable")
