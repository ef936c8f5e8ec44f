"""A provider that fails: before its first words another is asked or nothing is charged, after them what came is."""

from __future__ import annotations

import pytest

from app.providers.provider import ProviderBusy, ProviderFailed, ProviderRefused, Reported, UpstreamTruncated
from tests.chat.callers import Caller, only, raw
from tests.chat.strict import text_of
from tests.fakes.provider import ScriptedProvider

PROMPT_TOKENS = 8


async def test_before_the_first_word_nothing_is_charged(caller: Caller, provider: ScriptedProvider) -> None:
    provider.fail_before, provider.failure = 0, ProviderBusy(retry_after_seconds=3)

    events = await caller.ask()

    meta, error = only(events, "meta"), only(events, "error")
    assert [event.name for event in events] == ["meta", "error"]
    assert (error["code"], error["status"], error["retryable"]) == ("provider_busy", 503, True)
    assert (error["retryAfterSeconds"], error["balance"]) == (3, 1000)
    assert {error["conversationId"], error["messageId"]} == {meta["conversationId"], meta["messageId"]}
    assert (await caller.get("/api/billing/usage"))["usage"] == []
    assert raw(await caller.rejoin(meta["streamId"])) == raw(events)


async def test_stopping_what_has_failed_for_nothing_says_so_in_full(caller: Caller, provider: ScriptedProvider) -> None:
    provider.fail_before, provider.failure = 0, ProviderFailed()
    meta = only(await caller.ask(), "meta")

    usage = await caller.stop(meta["streamId"])

    names = ("promptTokens", "completionTokens", "tokensUsed", "balanceAfter")
    assert [usage[name] for name in names] == [0, 0, 0, 1000]
    assert usage["held"] == usage["released"] == meta["held"]
    assert (usage["countedBy"], usage["encoding"]) == ("tiktoken", "o200k_base")


async def test_after_the_first_words_what_was_delivered_is_charged(caller: Caller, provider: ScriptedProvider) -> None:
    provider.fail_before, provider.failure = 2, UpstreamTruncated()

    events = await caller.ask()

    usage, error = only(events, "usage"), only(events, "error")
    assert [event.name for event in events] == ["meta", "answer", "answer", "usage", "error"]
    assert text_of(events) == "Hello, "
    assert (usage["promptTokens"], usage["completionTokens"]) == (PROMPT_TOKENS, 3)
    assert error["balance"] == usage["balanceAfter"] == 1000 - PROMPT_TOKENS - 3
    assert raw(await caller.rejoin(only(events, "meta")["streamId"])) == raw(events)


async def test_what_cannot_be_helped_says_so(caller: Caller, provider: ScriptedProvider) -> None:
    provider.fail_before, provider.failure = 0, ProviderRefused()

    assert only(await caller.ask(), "error")["retryable"] is False


async def test_a_reply_without_a_reason_to_end_has_failed(caller: Caller, provider: ScriptedProvider) -> None:
    provider.reason = None

    events = await caller.ask()

    assert only(events, "error")["code"] == "upstream_truncated"
    assert only(events, "usage")["completionTokens"] == 4


@pytest.mark.parametrize("before", [0, 2])
async def test_an_error_of_our_own_keeps_its_words_to_itself(
    caller: Caller, provider: ScriptedProvider, before: int
) -> None:
    provider.fail_before, provider.failure = before, RuntimeError("the secret plan")

    events = await caller.ask()

    error = only(events, "error")
    assert (error["code"], error["status"], error["retryable"]) == ("internal_error", 500, True)
    assert b"secret" not in raw(events)
    assert ("usage" in [event.name for event in events]) is bool(before)


async def test_another_answers_at_the_lower_price_and_is_named(
    caller: Caller, provider: ScriptedProvider, backup: ScriptedProvider
) -> None:
    provider.fail_before, provider.failure = 0, ProviderFailed()

    events = await caller.ask(model="failing-over")

    meta, usage = only(events, "meta"), only(events, "usage")
    assert text_of(events) == "Backup speaking."
    assert meta["model"] == usage["model"] == "backup"
    assert [(each["provider"], each["outcome"]) for each in usage["attempts"]] == [
        ("scripted", "provider_failed"),
        ("scripted-2", "answered"),
    ]
    assert usage["tokensUsed"] == -(-(usage["promptTokens"] + usage["completionTokens"]) // 2)
    assert usage["held"] == usage["tokensUsed"] + usage["released"]
    assert (await caller.messages(meta["conversationId"]))[-1]["model"] == "backup"
    assert raw(await caller.rejoin(meta["streamId"])) == raw(events)


async def test_after_its_first_words_nobody_else_is_asked(
    caller: Caller, provider: ScriptedProvider, backup: ScriptedProvider
) -> None:
    provider.fail_before, provider.failure = 1, UpstreamTruncated()

    events = await caller.ask(model="failing-over")

    assert text_of(events) == "Hello"
    assert only(events, "error")["code"] == "upstream_truncated"
    assert backup.asked == []


async def test_when_all_fail_the_last_failure_is_told(
    caller: Caller, provider: ScriptedProvider, backup: ScriptedProvider
) -> None:
    provider.fail_before, provider.failure = 0, ProviderFailed()
    backup.fail_before, backup.failure = 0, ProviderBusy()

    events = await caller.ask(model="failing-over")

    assert [event.name for event in events] == ["meta", "error"]
    assert only(events, "error")["code"] == "provider_busy"


@pytest.mark.parametrize("counts", [(0, 0), (7, 3), (10**6, 10**6)])
async def test_what_the_provider_counted_is_told_and_not_billed(
    caller: Caller, provider: ScriptedProvider, counts: tuple[int, int]
) -> None:
    provider.reported = Reported(*counts)

    usage = only(await caller.ask(), "usage")

    assert usage["providerTokens"] == {"prompt": counts[0], "completion": counts[1]}
    assert usage["tokensUsed"] == PROMPT_TOKENS + 4


async def test_an_upstream_that_ignores_its_limit_is_stopped_at_ours(
    caller: Caller, provider: ScriptedProvider
) -> None:
    provider.words, provider.endless = [" word"], True

    events = await caller.ask(maxTokens=20)

    usage = only(events, "usage")
    assert only(events, "done")["finishReason"] == "length"
    assert usage["tokensUsed"] == only(events, "meta")["held"] == PROMPT_TOKENS + 20
    assert usage["completionTokens"] <= 21
    assert provider.hung_up == 1
