"""Every fault of the fake upstream, read to its end and left in the middle, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.providers.provider import (
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    ProviderTimeout,
    Reason,
    Reported,
    UpstreamTruncated,
)
from scripts.upstream.faults import described
from tests.figures import figure
from tests.providers.asking import GUARDS, ask, asked, hurried_if, leave, provider_with, read
from tests.waiting import eventually

pytestmark = pytest.mark.either_engine
HUNG_UP_SECONDS_MAX = 0.25
SAID = "The quick brown"
Good = tuple[str, Reason, Reported | None]
GOOD: Good = (SAID, "stop", Reported(7, 3))
UNCOUNTED: Good = (SAID, "stop", None)
# What may never be in an error: our key, an address, a word of the upstream's.
TELLTALES = ("sk-", "SECRET", "http:", "127.0.0.1", "10.0.0.1", "nginx", "quota of")


def good(between: str) -> Good:
    return f"{SAID}{between} more", "stop", Reported(7, 4)


REPLIES: dict[str, Good] = {
    **dict.fromkeys(
        ("400_max_tokens", "bom", "crlf", "disconnect_once", "drip", "no_space", "odd_reason", "one_newline"), GOOD
    ),
    **dict.fromkeys(("slow_first", "stale_keep_alive", "tool_call", "usage_twice"), GOOD),
    **dict.fromkeys(("no_last_newline", "stall_after_finish", "usage_absurd", "usage_fraction"), UNCOUNTED),
    **dict.fromkeys(("usage_missing", "usage_negative", "usage_string"), UNCOUNTED),
    "bad_utf8": good(" \ufffd!"),
    "comments": good(""),
    "empty": ("", "stop", Reported(7, 0)),
    "filtered": (SAID, "content_filter", Reported(7, 3)),
    "finish_twice": (SAID, "length", Reported(7, 3)),
    "many_lines": good(" split"),
    "nul": good(" ab"),
    "nulls": good(""),
    "surrogates": good("🦊\ufffdx\ufffd\ufffd"),
    "words_after_finish": (SAID, "stop", Reported(7, 5)),
}
FAILURES: dict[str, tuple[type[ProviderFailed], str]] = {
    **dict.fromkeys(("400", "400_context"), (ProviderRefused, "")),
    **dict.fromkeys(("400_key", "401", "403", "404", "429_quota"), (ProviderFailed, "")),
    **dict.fromkeys(("429", "429_bare", "429_long", "429_once", "error_first"), (ProviderBusy, "")),
    **dict.fromkeys(("500", "500_html", "500_huge", "500_once", "503"), (ProviderFailed, "")),
    **dict.fromkeys(("disconnect_before_response", "refuse", "gzip_200", "html_200", "json_200"), (ProviderFailed, "")),
    "redirect": (ProviderFailed, ""),
    **dict.fromkeys(("500_stall", "pings_only", "stall_before_content", "stall_before_headers"), (ProviderTimeout, "")),
    **dict.fromkeys(("pings_midway", "stall"), (ProviderTimeout, SAID)),
    **dict.fromkeys(("bad_json", "deep_json", "error_in_stream", "huge_chunk", "long_line"), (ProviderFailed, SAID)),
    **dict.fromkeys(("ping_storm", "huge_total"), (ProviderFailed, SAID)),
    **dict.fromkeys(
        ("chunked_garbage", "cut", "cut_in_character", "rst", "wrong_content_length"), (UpstreamTruncated, SAID)
    ),
    **dict.fromkeys(("done_without_finish", "no_finish", "short_content_length"), (UpstreamTruncated, SAID)),
}


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """No task, no traceback that nobody caught."""
    loop, before = asyncio.get_running_loop(), asyncio.all_tasks()
    uncaught: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _loop, context: uncaught.append(context))
    yield
    assert asyncio.all_tasks() == before
    assert uncaught == []


def telltales(failure: ProviderFailed) -> list[str]:
    """Of the upstream, in anything that a user or a log is shown of a failure."""
    unseen = failure.__suppress_context__ or failure.__context__ is None
    shown = f"{failure} {failure!r} {failure.as_dict()} {failure.headers} {failure.cause}"
    return [word for word in TELLTALES if word in shown] + ([] if unseen else ["the error behind it"])


def test_every_fault_has_an_ending() -> None:
    assert len(FAILURES) + len(REPLIES) >= 60
    assert sorted([*FAILURES, *REPLIES]) == [name for name, _ in described()]
    assert all(words for _, words in described())


@pytest.mark.parametrize("fault", REPLIES)
async def test_an_oddity_is_seen_through(fault: str) -> None:
    with nothing_left_behind():
        async with provider_with(fault) as (provider, _):
            told = await read(asked(provider, ask()))

    text, reason, reported = REPLIES[fault]
    assert told.failure is None
    assert told.text == text
    assert told.finished is not None
    assert (told.finished.reason, told.reported) == (reason, reported)
    assert all(told.texts), "No delta is empty."


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_fault_ends_in_its_kind_of_failure_in_time_and_tells_nothing(fault: str) -> None:
    kind, text = FAILURES[fault]
    with nothing_left_behind():
        async with provider_with(fault, **hurried_if(kind is ProviderTimeout)) as (provider, fake):
            told = await read(asked(provider, ask()))
            await provider.close()
            await eventually(lambda: fake.open_connections == 0)

    assert type(told.failure) is kind
    assert telltales(told.failure) == []
    # A flood is cut somewhere; what came before it is right.
    assert told.text == text or (fault == "huge_total" and told.text.startswith(text))
    assert told.finished is None
    assert 0 < len(told.failure.cause) <= 80
    assert told.seconds < GUARDS.progress_seconds


@pytest.mark.parametrize("fault", sorted([*FAILURES, *REPLIES]))
async def test_leaving_hangs_up_at_once(fault: str) -> None:
    with nothing_left_behind():
        async with provider_with(fault) as (provider, fake):
            left_at = await leave(asked(provider, ask()), fake)
            await eventually(lambda: all(record.ending != "open" for record in fake.seen))

            ends = [record.ended_at for record in fake.seen if record.ended_at]
            figure(f"S4: {fault}: the upstream is left after", max(ends, default=0) - left_at, HUNG_UP_SECONDS_MAX, "s")
            await provider.close()
            await eventually(lambda: fake.open_connections == 0)
