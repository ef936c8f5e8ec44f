"""U1: whatever an upstream does, a reply ends once and in time, is billed for what was said, and leaves nothing behind.

Every fault meets a reader who stays, one who leaves after the first event, and one who stops the reply.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from app.providers.guards import Guards
from app.providers.openai_compatible import OpenAICompatible
from app.providers.provider import ProviderFailed, ProviderTimeout
from app.services import Services
from app.settings import Settings
from scripts.upstream.faults import REFUSE, described
from tests.chat.callers import Caller, calling
from tests.chat.conftest import grant, require_order
from tests.chat.houses import house
from tests.chat.strict import Event, events_of, require_grammar, text_of
from tests.conftest import Person, settings_for
from tests.fakes.clock import FakeClock
from tests.fakes.upstream import FakeUpstream, upstream
from tests.figures import figure
from tests.ports import free_port
from tests.providers.asking import GUARDS, HURRIED, KEY, hurried_if
from tests.providers.test_faults import FAILURES, REPLIES, TELLTALES
from tests.waiting import eventually

Manner = Literal["stays", "leaves", "stops"]
NAMES = [name for name, _ in described()]
# The longest that any of them is waited for here, and a second more.
ENDED_SECONDS_MAX = HURRIED["first_content_seconds"] + GUARDS.finish_seconds + 1
AT_ONCE = 12
MODEL = """
[[model]]
id = "{name}"
name = "{name}"
provider = "{name}"
upstream_model = "fault-{name}"
encoding = "o200k_base"
window_tokens = 8192
reply_tokens_max = 500
input_rate = 1000
output_rate = 1000
input_usd_per_million = 1
output_usd_per_million = 1
"""


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with upstream() as fake:
        yield fake


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    catalogue = tmp_path / "faults.toml"
    catalogue.write_text("".join(MODEL.format(name=name) for name in NAMES))
    return settings_for(database_url, catalogue=str(catalogue), turns_per_user_max=1000)


@pytest_asyncio.fixture
async def app(settings: Settings, clock: FakeClock, fake: FakeUpstream) -> AsyncIterator[Starlette]:
    """A provider for each fault, so that none opens the circuit of another."""
    closed = f"http://127.0.0.1:{free_port()}/v1"
    urls = {name: closed if name == REFUSE else fake.url for name in NAMES}
    providers = [OpenAICompatible(name, url, KEY, guards_for(name)) for name, url in urls.items()]
    async with house(settings, clock, *providers) as (_, app):
        yield app


@pytest_asyncio.fixture
async def caller(live_url: str, ann: Person, app: Starlette, services: Services) -> AsyncIterator[Caller]:
    await grant(services, ann.id, 10**6)
    async with calling(live_url, ann) as caller:
        yield caller
    await require_order(services)


def guards_for(name: str) -> Guards:
    kind, _ = FAILURES.get(name, (None, ""))
    return replace(GUARDS, **hurried_if(kind is ProviderTimeout))


async def meet(caller: Caller, name: str, manner: Manner) -> tuple[list[Event], float]:
    """What the stream was in the end, and how long it took from the ask."""
    began, seen = time.monotonic(), []
    async with caller.asking("Hello", model=name) as reply:
        stream_id = reply.headers["X-Stream-Id"]
        async for event in events_of(reply):
            seen.append(event)
            if manner == "leaves":
                break
            if manner == "stops" and len(seen) == 1:
                assert (await caller.http.delete(f"/api/chat/streams/{stream_id}")).status_code == 200
    if manner == "leaves":
        seen = await rejoined(caller, stream_id)
    return seen, time.monotonic() - began


async def rejoined(caller: Caller, stream_id: str) -> list[Event]:
    try:
        return await caller.rejoin(stream_id)
    except httpx2.HTTPError as error:
        raise AssertionError(f"{stream_id} could not be rejoined") from error


def require_an_honest_end(name: str, manner: Manner, seen: list[Event]) -> None:
    require_grammar(seen)
    whole = b"".join(event.raw for event in seen)
    assert [word for word in TELLTALES if word.encode() in whole] == []
    end, text = seen[-1], text_of(seen)
    usage = next((event.data for event in seen if event.name == "usage"), None)
    if manner == "stops" and end.name == "done" and end.data["finishReason"] == "stopped":
        assert usage is not None
        assert usage["completionTokens"] > 0 or not text
        return
    if name in REPLIES:
        said, reason, _ = REPLIES[name]
        assert (text, end.name, end.data["finishReason"]) == (said, "done", reason)
    elif end.name == "error":
        failure, said = FAILURES[name]
        # Which of its limits a fault meets first depends on how busy the machine is; one provider alone is held to it.
        assert end.data["code"] in {failure.code, ProviderFailed.code, ProviderTimeout.code}
        assert end.data["retryable"] == failure.retryable
        assert text.startswith(said) or said.startswith(text)
        assert (usage is not None) == bool(text)
    else:
        # Words without end, which our own limit cuts before the guards do.
        assert (name, end.data["finishReason"]) == ("huge_total", "length")


@pytest.mark.parametrize("manner", ["stays", "leaves", "stops"])
async def test_every_fault_ends_once_in_time_and_is_billed_for_what_was_said(
    caller: Caller, services: Services, manner: Manner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    some = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> tuple[str, list[Event], float]:
        async with some:
            return name, *await meet(caller, name, manner)

    met = await asyncio.gather(*(one(name) for name in NAMES))

    for name, seen, seconds in met:
        require_an_honest_end(name, manner, seen)
        figure(f"{name}: a reply to who {manner} has ended after", seconds, ENDED_SECONDS_MAX, "s")
    await eventually(lambda: not services.turns.running)
    assert "Traceback" not in caplog.text
    assert await told(services, caller.person.id) == sum(
        event.data["tokensUsed"] for _, seen, _ in met for event in seen if event.name == "usage"
    )


async def told(services: Services, user_id: str) -> int:
    async with services.db.read() as session:
        sql = "SELECT -COALESCE(SUM(tokens), 0) AS used FROM ledger_entries WHERE user_id = $1 AND kind = 'usage'"
        row = await session.row(sql, user_id)
    assert row is not None
    return int(row["used"])
