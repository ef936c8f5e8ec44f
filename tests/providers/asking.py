"""Asking a provider, and telling what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from app.providers.guards import Guards
from app.providers.openai_compatible import OpenAICompatible
from app.providers.provider import (
    Answering,
    Ask,
    Enough,
    Finished,
    Hear,
    Part,
    PromptMessage,
    Provider,
    ProviderFailed,
    Reported,
    Words,
)
from tests.fakes.upstream import FakeUpstream, upstream
from tests.waiting import eventually

KEY = "sk-canary-0123456789abcdef"
# Longer than anything takes here that is not told to wait, so that none of them ends it, however busy the machine is.
GUARDS = Guards(
    first_content_seconds=60,
    progress_seconds=60,
    turn_seconds_max=100,
    reply_bytes_max=2**21,
    finish_seconds=1,
)
# For an upstream that says nothing any more; who asks it has only these to wait for.
HURRIED: dict[str, Any] = {"first_content_seconds": 0.5, "progress_seconds": 0.4}
LEFT_AFTER_SECONDS = 0.05


def hurried_if(it_says_nothing: bool) -> dict[str, Any]:
    return HURRIED if it_says_nothing else {}


def ask(model: str = "fake", *, max_tokens: int = 100, message: str = "Hello") -> Ask:
    return Ask(model, (PromptMessage("user", message),), max_tokens)


@dataclass
class Told:
    """A reply read to its end, whichever it was."""

    texts: list[str] = field(default_factory=list)
    reads: int = 0
    answering: list[Answering] = field(default_factory=list)
    reported: Reported | None = None
    finished: Finished | None = None
    failure: ProviderFailed | None = None
    seconds: float = 0

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def take(self, part: Part) -> None:
        assert self.finished is None, "Nothing comes after the end."
        match part:
            case Words(texts):
                self.texts += texts
                self.reads += 1
            case Reported():
                self.reported = part
            case Finished():
                self.finished = part
            case Answering():
                self.answering.append(part)


# A reply that waits for somebody to hear it.
Reply = Callable[[Hear], Awaitable[None]]


def asked(provider: Provider, question: Ask) -> Reply:
    return partial(provider.reply, question)


async def read(reply: Reply) -> Told:
    told, started = Told(), time.monotonic()
    try:
        await reply(told.take)
    except ProviderFailed as failure:
        told.failure = failure
    told.seconds = time.monotonic() - started
    return told


async def leave(reply: Reply, fake: FakeUpstream) -> float:
    """Stops in the middle, wherever that is, as a turn that is stopped does; says when that was."""

    def until_words(part: Part) -> None:
        if isinstance(part, Words):
            raise Enough

    calls = fake.seen.calls
    reading = asyncio.ensure_future(reply(until_words))
    await eventually(lambda: reading.done() or fake.seen.calls > calls)
    await asyncio.wait({reading}, timeout=LEFT_AFTER_SECONDS)
    left_at = time.monotonic()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return left_at


@asynccontextmanager
async def provider_of(url: str, name: str = "openai", **guards: Any) -> AsyncIterator[OpenAICompatible]:
    provider = OpenAICompatible(name, url, KEY, replace(GUARDS, **guards))
    try:
        yield provider
    finally:
        await provider.close()


@asynccontextmanager
async def provider_with(
    fault: str | None = None, *, tokens: int = 16, gap_seconds: float = 0.0, **guards: Any
) -> AsyncIterator[tuple[OpenAICompatible, FakeUpstream]]:
    async with (
        upstream(fault, tokens=tokens, gap_seconds=gap_seconds) as fake,
        provider_of(fake.url, **guards) as provider,
    ):
        yield provider, fake
