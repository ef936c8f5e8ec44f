"""Who answers when the model that was asked for does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from app.observability.metrics import Metrics
from app.providers.breaker import State
from app.providers.catalogue import Model
from app.providers.failover import Replies
from app.providers.provider import (
    Answering,
    Part,
    PromptMessage,
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    ProviderTimeout,
    UpstreamTruncated,
)
from tests.fakes.clock import Stopwatch
from tests.fakes.upstream import FakeUpstream, text_of, upstream
from tests.providers.asking import HURRIED, Told, hurried_if, leave, provider_of, read
from tests.waiting import eventually

pytestmark = pytest.mark.either_engine
MESSAGES = (PromptMessage("user", "Hello"),)
SAID, GAUGE = text_of(3), "prome_upstream_circuit"


def model(provider: str) -> Model:
    name = f"{provider}-model"
    return Model(name, name, provider, "m", "x", 4096, reply_tokens_max=1000, input_rate=1000, output_rate=1000)


FIRST, SECOND = model("first"), model("second")


class Chain:
    def __init__(self, *models: Model) -> None:
        self._models = list(models)

    def chain(self, model: Model) -> list[Model]:
        assert model == self._models[0]
        return self._models


@dataclass
class House:
    replies: Replies
    first: FakeUpstream
    second: FakeUpstream
    metrics: Metrics
    watch: Stopwatch

    async def ask(self, max_tokens: int = 100, times: int = 1) -> Told:
        for _ in range(times):
            told = await read(partial(self.replies.reply, FIRST, MESSAGES, max_tokens))
        return told

    async def fail(self, times: int) -> None:
        """Of the fault `500_once`, so that the next question after it is answered."""
        for _ in range(times):
            self.first.seen.forget("500_once")
            await self.ask()

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0


@asynccontextmanager
async def house(
    first: str | None, second: str | None = None, chain: Chain | None = None, **guards: Any
) -> AsyncIterator[House]:
    """Two providers with one upstream each; what is asked of the first may be answered by the second.

    The guards are the first's.
    """
    async with (
        upstream(first) as one,
        upstream(second) as other,
        provider_of(one.url, "first", **guards) as provider,
        provider_of(other.url, "second") as stand_in,
    ):
        metrics, watch = Metrics(), Stopwatch()
        providers = {"first": provider, "second": stand_in}
        replies = Replies(chain or Chain(FIRST, SECOND), providers, metrics, watch)
        yield House(replies, one, other, metrics, watch)


def outcomes(told: Told) -> list[tuple[str, str]]:
    ended = told.finished or told.failure
    assert ended
    return [(attempt.provider, attempt.outcome) for attempt in ended.attempts]


async def test_who_was_asked_answers_and_says_so_before_the_first_words() -> None:
    async with house(None) as its:
        told, parts = Told(), list[Part]()
        await its.replies.reply(FIRST, MESSAGES, 100, parts.append)

    for part in parts:
        told.take(part)
    assert [type(part).__name__ for part in parts] == ["Answering", "Words", "Reported", "Finished"]
    assert told.answering[0].model == "first-model"
    assert [attempt.outcome for attempt in told.answering[0].attempts] == ["answering"]
    assert outcomes(told) == [("first", "answered")]
    assert told.text == text_of(16)
    assert its.second.seen.calls == 0


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("refuse", "provider_failed"),
        ("429", "provider_busy"),
        ("500", "provider_failed"),
        ("503", "provider_failed"),
        ("401", "provider_failed"),
        ("404", "provider_failed"),
        ("html_200", "provider_failed"),
        ("error_first", "provider_busy"),
        ("disconnect_before_response", "provider_failed"),
        ("stall_before_headers", "provider_timeout"),
        ("pings_only", "provider_timeout"),
        ("empty", "empty"),
    ],
)
async def test_a_failure_before_the_first_words_is_answered_by_the_next(fault: str, outcome: str) -> None:
    async with house(fault, **hurried_if(outcome == ProviderTimeout.code)) as its:
        told = await its.ask()

        assert told.text == text_of(16)
        assert told.failure is None
        assert [each.model for each in told.answering] == ["second-model"]
        assert outcomes(told) == [("first", outcome), ("second", "answered")]
        assert its.counted("prome_upstream_attempts_total", provider="first", outcome=outcome) == 1
        assert its.counted("prome_upstream_attempts_total", provider="second", outcome="answered") == 1
        assert its.counted("prome_upstream_first_words_seconds_count", provider="second") == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("cut", UpstreamTruncated),
        ("rst", UpstreamTruncated),
        ("error_in_stream", ProviderFailed),
        ("stall", ProviderTimeout),
    ],
)
async def test_after_the_first_words_nobody_else_is_asked(fault: str, kind: type[ProviderFailed]) -> None:
    async with house(fault, **hurried_if(kind is ProviderTimeout)) as its:
        told = await its.ask()

    assert told.text == SAID
    assert type(told.failure) is kind
    assert outcomes(told) == [("first", kind.code)]
    assert its.second.seen.calls == 0


async def test_what_one_refuses_is_not_tried_on_another() -> None:
    async with house("400_context") as its:
        told = await its.ask()

    assert type(told.failure) is ProviderRefused
    assert outcomes(told) == [("first", "provider_refused")]
    assert its.second.seen.calls == 0


async def test_when_all_fail_the_last_failure_is_told_with_every_attempt() -> None:
    async with house("500", "429") as its:
        told = await its.ask()

    assert type(told.failure) is ProviderBusy
    assert told.failure.retry_after_seconds == 7
    assert outcomes(told) == [("first", "provider_failed"), ("second", "provider_busy")]
    assert told.answering == []


async def test_an_empty_reply_is_one_when_nobody_has_a_better() -> None:
    async with house("empty", "empty") as its:
        told = await its.ask()

    assert (told.text, told.failure) == ("", None)
    assert [each.model for each in told.answering] == ["second-model"]
    assert told.reported
    assert outcomes(told) == [("first", "empty"), ("second", "answered")]


async def test_who_stands_in_keeps_to_its_own_limit() -> None:
    small = replace(SECOND, reply_tokens_max=5)

    async with house("500", chain=Chain(FIRST, small)) as its:
        told = await its.ask(max_tokens=50)

    assert its.first.last.body["max_tokens"] == 50
    assert its.second.last.body["max_tokens"] == 5
    assert told.text == text_of(5)


async def test_a_provider_that_keeps_failing_is_left_alone_and_asked_again_later() -> None:
    async with house("500") as its:
        await its.ask(times=5)
        skipped = await its.ask()
        calls = its.first.seen.calls

        assert calls == 5
        assert outcomes(skipped) == [("first", "circuit_open"), ("second", "answered")]
        assert its.replies.state() == {"first": State.OPEN, "second": State.CLOSED}
        assert its.counted("prome_upstream_circuit", provider="first") == 2
        assert its.counted("prome_upstream_circuit", provider="second") == 0
        its.watch.now += 15
        await its.ask(times=2)
        assert its.first.seen.calls == calls + 1


async def test_a_reply_between_failures_speaks_for_the_provider() -> None:
    async with house("500_once") as its:
        await its.fail(times=4)
        await its.ask()
        await its.fail(times=4)

        assert its.replies.state()["first"] is State.CLOSED


async def test_a_provider_that_recovers_is_asked_first_again_from_its_first_words_on() -> None:
    async with house("500_once") as its:
        await its.fail(times=5)
        assert its.replies.state()["first"] is State.OPEN
        its.watch.now += 15

        seen: list[tuple[str, State, float]] = []

        def hear(part: Part) -> None:
            if isinstance(part, Answering):
                seen.append((part.model, its.replies.state()["first"], its.counted(GAUGE, provider="first")))

        await its.replies.reply(FIRST, MESSAGES, 100, hear)

    assert seen == [("first-model", State.CLOSED, 0)]


async def test_whoever_was_sent_to_see_and_left_makes_room_for_the_next() -> None:
    async with house("stall_before_headers", **HURRIED) as its:
        await its.ask(times=5)
        its.watch.now += 15
        await leave(partial(its.replies.reply, FIRST, MESSAGES, 100), its.first)
        calls = its.first.seen.calls
        await its.ask()

        assert its.first.seen.calls == calls + 1


async def test_when_every_circuit_is_open_the_user_is_told_when_to_come_back() -> None:
    async with house("500", "500") as its:
        await its.ask(times=5)
        its.watch.now += 4
        told = await its.ask()

    assert type(told.failure) is ProviderBusy
    assert told.failure.retry_after_seconds == 11
    assert outcomes(told) == [("first", "circuit_open"), ("second", "circuit_open")]


@pytest.mark.parametrize("fault", ["404", "400", "400_context", "empty"])
async def test_what_is_not_the_provider_s_illness_opens_no_circuit(fault: str) -> None:
    async with house(fault) as its:
        await its.ask(times=12)

        assert its.first.seen.calls == 12
        assert its.replies.state()["first"] is State.CLOSED


@pytest.mark.parametrize("fault", ["cut", "no_finish", "error_in_stream"])
async def test_replies_that_break_off_open_it_too(fault: str) -> None:
    async with house(fault) as its:
        await its.ask(times=5)

        assert its.replies.state()["first"] is State.OPEN


@pytest.mark.parametrize("fault", ["stall_before_headers", "stall"])
async def test_leaving_hangs_up_and_speaks_against_nobody(fault: str) -> None:
    async with house(fault) as its:
        for _ in range(6):
            await leave(partial(its.replies.reply, FIRST, MESSAGES, 100), its.first)
        await eventually(lambda: its.first.seen.count("hung_up") == 6)

        assert its.replies.state()["first"] is State.CLOSED
        assert its.counted("prome_upstream_attempts_total", provider="first", outcome="left") == 6
        assert its.second.seen.calls == 0
