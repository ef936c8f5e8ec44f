"""`curl -N` shows a reply as it is written, a piece at a time and never a part of a character."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from app.providers.openai_compatible import OpenAICompatible
from app.providers.provider import Finished, Part, Words
from app.settings import Settings
from tests.chat.callers import calling, newcomer
from tests.chat.houses import house
from tests.conftest import Person
from tests.fakes.clock import FakeClock
from tests.fakes.provider import ScriptedProvider
from tests.fakes.upstream import FakeUpstream, upstream
from tests.providers.asking import GUARDS, KEY
from tests.waiting import soon

pytestmark = pytest.mark.either_engine
WORDS = ["Reiher", " essen", " 魚", "🐟", "é", "."]


@dataclass
class Stepwise(ScriptedProvider):
    """Says its next piece when the test lets it."""

    words: list[str] = field(default_factory=lambda: WORDS)
    steps: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def _parts(self, words: list[str]) -> AsyncGenerator[Part, None]:
        for word in words:
            await self.steps.acquire()
            yield Words([word])
        yield Finished("stop")


@pytest.fixture
def provider() -> Stepwise:
    return Stepwise()


@asynccontextmanager
async def curl(url: str, person: Person, accept: str) -> AsyncIterator[tuple[Process, asyncio.StreamReader]]:
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sN", "--json", '{"message": "What do herons eat?"}', f"{url}/api/chat"),
        *("-H", f"Accept: {accept}", "-H", f"Authorization: Bearer {person.token}"),
        stdout=PIPE,
    )
    assert process.stdout
    try:
        async with soon():
            yield process, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def event(output: asyncio.StreamReader) -> tuple[str, str]:
    """The name of the next one, and what it says."""
    lines = (await output.readuntil(b"\n\n")).decode().strip().splitlines()
    fields = dict(line.split(": ", 1) for line in lines)
    return fields["event"], json.loads(fields["data"]).get("content", "")


async def test_each_event_is_there_before_the_next_is_let_go(live_url: str, ann: Person, provider: Stepwise) -> None:
    async with curl(live_url, ann, "text/event-stream") as (process, output):
        shown = [await event(output)]
        for _ in WORDS:
            provider.steps.release()
            shown.append(await event(output))
        rest = [await event(output) for _ in range(3)]
        code = await process.wait()

    assert shown == [("meta", ""), *(("answer", word) for word in WORDS)]
    assert [name for name, _ in rest] == ["answer", "usage", "done"]
    assert code == 0


async def test_plain_words_are_there_one_by_one_and_a_stop_leaves_them_whole(
    live_url: str, ann: Person, provider: Stepwise
) -> None:
    async with curl(live_url, ann, "text/plain") as (process, output), calling(live_url, ann) as caller:
        for word in WORDS[:4]:
            provider.steps.release()
            assert (await output.readexactly(len(word.encode()))).decode() == word
        running = (await caller.get("/api/chat/streams"))["streams"]
        usage = await caller.stop(running[0]["streamId"])
        rest, code = await output.read(), await process.wait()

    assert (rest, code) == (b"", 0)
    assert usage["completionTokens"] > 0


def asked_at(fake: FakeUpstream) -> OpenAICompatible:
    return OpenAICompatible("scripted", fake.url, KEY, GUARDS)


# A half that stays alone is shown as what stands for no character.
@pytest.mark.parametrize(
    ("fault", "words"),
    [("cut_in_character", "The quick brown"), ("surrogates", "The quick brown🦊\ufffdx\ufffd\ufffd more")],
)
async def test_a_character_that_the_upstream_cuts_in_two_is_whole_or_not_there(
    fault: str, words: str, settings: Settings, clock: FakeClock
) -> None:
    async with upstream(fault) as fake, house(settings, clock, asked_at(fake)) as (url, _):
        person = await newcomer(url)
        async with curl(url, person, "text/plain") as (_, output), calling(url, person) as caller:
            shown = (await output.read()).decode("utf-8", "strict")
            conversations = (await caller.get("/api/conversations"))["conversations"]
            kept = (await caller.messages(conversations[0]["id"]))[-1]["content"]

    assert shown == kept == words
