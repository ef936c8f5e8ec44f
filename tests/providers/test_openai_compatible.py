"""How an upstream is asked, and how it is left."""

from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from app.providers.openai_compatible import OpenAICompatible
from app.providers.provider import (
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    ProviderTimeout,
    Reported,
)
from tests.fakes.upstream import text_of, upstream
from tests.providers.asking import GUARDS, KEY, ask, asked, provider_of, provider_with, read
from tests.waiting import eventually

pytestmark = pytest.mark.either_engine
BUSY_SECONDS_MAX = 0.05


async def test_a_reply_is_told_word_by_word_with_what_was_counted() -> None:
    async with provider_with(tokens=300) as (provider, fake):
        told = await read(asked(provider, ask(max_tokens=1000)))

    assert told.text == text_of(300)
    assert len(told.texts) == 300
    assert told.reported == Reported(7, 300)
    assert told.finished
    assert told.finished.reason == "stop"
    assert fake.last.ending == "finished"


async def test_the_upstream_is_asked_what_we_were_asked() -> None:
    async with provider_with() as (provider, fake):
        await read(asked(provider, ask("the-model", max_tokens=5, message='Grüße "🦊"')))

    assert fake.last.body == {
        "model": "the-model",
        "messages": [{"role": "user", "content": 'Grüße "🦊"'}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
    }
    assert fake.last.headers["authorization"] == f"Bearer {KEY}"
    assert fake.last.headers["accept-encoding"] == "identity"
    assert fake.last.headers["content-type"] == "application/json"


async def test_more_can_be_said_to_an_upstream_that_wants_more() -> None:
    async with upstream() as fake:
        provider = OpenAICompatible("openai", fake.url, "", GUARDS, {"repeat_penalty": 1.05})
        await read(asked(provider, ask()))
        await provider.close()

    assert fake.last.body["repeat_penalty"] == 1.05


async def test_a_reply_cut_by_its_limit_says_so() -> None:
    async with provider_with() as (provider, _):
        told = await read(asked(provider, ask(max_tokens=4)))

    assert told.text == text_of(4)
    assert told.finished
    assert told.finished.reason == "length"


async def test_the_limit_s_other_name_is_learnt_once_a_model() -> None:
    async with provider_with() as (provider, fake):
        first = await read(asked(provider, ask("fault-400_max_tokens")))
        second = await read(asked(provider, ask("fault-400_max_tokens")))

    assert (first.failure, second.failure) == (None, None)
    limits = [sorted({"max_tokens", "max_completion_tokens"} & set(record.body)) for record in fake.seen]
    assert limits == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]


async def test_replies_share_a_connection_one_after_another() -> None:
    async with provider_with() as (provider, fake):
        for _ in range(5):
            await read(asked(provider, ask()))

        assert (fake.seen.calls, fake.seen.connections) == (5, 1)


async def test_a_kept_connection_that_is_broken_costs_nobody_a_reply() -> None:
    async with provider_with("stale_keep_alive") as (provider, fake):
        told = [await read(asked(provider, ask())) for _ in range(3)]

    assert [each.failure for each in told] == [None] * 3
    # The second and the third were asked twice.
    assert fake.seen.calls == 5


@pytest.mark.parametrize(("fault", "calls"), [("disconnect_before_response", 2), ("500", 1), ("429", 1), ("cut", 1)])
async def test_only_a_question_that_got_no_answer_at_all_is_asked_again(fault: str, calls: int) -> None:
    async with provider_with(fault) as (provider, fake):
        await read(asked(provider, ask()))

    assert fake.seen.calls == calls


async def test_words_may_go_on_for_longer_than_the_first_may_take() -> None:
    async with provider_with(tokens=60, gap_seconds=0.02, first_content_seconds=1) as (provider, _):
        told = await read(asked(provider, ask()))

    assert told.seconds > 1
    assert told.text == text_of(60)


async def test_a_reply_has_an_end_however_steadily_it_comes() -> None:
    async with provider_with(tokens=10_000, gap_seconds=0.02, turn_seconds_max=0.4) as (provider, fake):
        told = await read(asked(provider, ask(max_tokens=10_000)))
        await eventually(lambda: fake.last.ending == "hung_up")

    assert type(told.failure) is ProviderTimeout
    assert told.text
    assert told.seconds >= 0.4


@pytest.mark.parametrize("fault", ["huge_chunk", "ping_storm", "huge_total", "long_line", "deep_json"])
async def test_a_flood_never_holds_the_loop(fault: str) -> None:
    """Measured in time of this thread's CPU, which a busy machine does not stretch; the upstream's own is in it."""
    longest, is_over = 0.0, False

    async def tick() -> None:
        nonlocal longest
        last = time.thread_time()
        while not is_over:
            await asyncio.sleep(0)
            longest, last = max(longest, time.thread_time() - last), time.thread_time()

    async with provider_with() as (provider, _):
        await read(asked(provider, ask()))
        ticking = asyncio.create_task(tick())
        told = await read(asked(provider, ask(f"fault-{fault}")))
        is_over = True
        await ticking

    assert told.failure
    assert longest <= BUSY_SECONDS_MAX


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [("429", 7), ("429_long", 300), ("429_bare", 2), ("503", 3), ("500", None), ("error_first", None)],
)
async def test_when_to_come_back_is_passed_on_within_reason(fault: str, seconds: int | None) -> None:
    async with provider_with(fault) as (provider, _):
        failure = (await read(asked(provider, ask()))).failure

    assert failure
    assert failure.retry_after_seconds == seconds
    assert failure.headers == ({"Retry-After": str(seconds)} if seconds else {})


async def test_a_conversation_that_is_too_long_is_said_to_be() -> None:
    async with provider_with() as (provider, _):
        long = (await read(asked(provider, ask("fault-400_context")))).failure
        other = (await read(asked(provider, ask("fault-400")))).failure

    assert str(long) == "This conversation is too long for the model."
    assert str(other) == ProviderRefused.message
    assert not long or not long.retryable


@pytest.mark.parametrize("fault", ["401", "403", "404", "400_key", "429_quota"])
async def test_what_only_the_operator_can_mend_is_said_loudly_in_the_log(fault: str) -> None:
    with capture_logs() as logs:
        async with provider_with(fault) as (provider, _):
            told = await read(asked(provider, ask()))

    (line,) = [line for line in logs if line["event"] == "upstream_refuses_us"]
    assert (line["log_level"], line["provider"]) == ("error", "openai")
    assert KEY not in str(line)
    assert "SECRET" not in str(line)
    assert str(told.failure) == ProviderFailed.message


async def test_an_error_that_never_gets_to_its_point_is_known_by_its_status() -> None:
    async with provider_with("500_stall") as (provider, _):
        told = await read(asked(provider, ask()))

    assert type(told.failure) is ProviderFailed
    assert told.failure.cause == "status 500"
    assert told.seconds < GUARDS.first_content_seconds


async def test_an_endless_error_is_not_read_to_its_end() -> None:
    async with provider_with("500_huge") as (provider, fake):
        told = await read(asked(provider, ask()))
        await eventually(lambda: fake.last.ending != "open")

        assert told.failure
        assert fake.last.ending == "hung_up"


async def test_a_probe_asks_nothing() -> None:
    async with provider_with() as (provider, fake):
        await provider.probe()

    assert fake.seen.calls == 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("refuse", ProviderFailed), ("401", ProviderFailed), ("500", ProviderFailed), ("429", ProviderBusy)],
)
async def test_a_probe_fails_as_a_question_would(fault: str, kind: type[ProviderFailed]) -> None:
    async with provider_with(fault) as (provider, _):
        with pytest.raises(ProviderFailed) as failed:
            await provider.probe()

    assert failed.type is kind


async def test_a_prompt_of_a_megabyte_is_sent_whole() -> None:
    message = "a🦊" * 210_000

    async with provider_with() as (provider, fake):
        told = await read(asked(provider, ask(message=message)))

    assert told.failure is None
    assert fake.last.body["messages"][0]["content"] == message
    assert len(message.encode()) > 2**20


async def test_an_upstream_that_comes_back_is_found_again() -> None:
    async with upstream("refuse") as gone, provider_of(gone.url) as provider:
        first = await read(asked(provider, ask()))
    async with upstream() as back, provider_of(back.url) as provider:
        second = await read(asked(provider, ask()))

    assert first.failure
    assert not second.failure
