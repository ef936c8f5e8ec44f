"""A provider that says what the test wrote, piece by piece, and stops where the test holds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from app.providers.provider import Ask, Enough, Finished, Hear, Part, Reason, Reported, Words


async def tell(parts: AsyncGenerator[Part, None], hear: Hear) -> None:
    async with aclosing(parts):
        async for part in parts:
            if pause := hear(part):
                await pause()


@dataclass
class ScriptedProvider:
    name: str = "scripted"
    words: list[str] = field(default_factory=lambda: ["Hello", ", ", "you."])
    reason: Reason | None = "stop"
    # Before the piece of this number it waits until the test lets it go on, or fails.
    pause_before: int | None = None
    fail_before: int | None = None
    failure: Exception | None = None
    reported: Reported | None = None
    # Says the words again and again until it is told to stop.
    endless: bool = False
    # What it says follows from what it is asked, when a test has many questions at once.
    answer: Callable[[Ask], list[str]] | None = None
    # The pace of an upstream: the time between two pieces.
    gap_seconds: float = 0

    asked: list[Ask] = field(default_factory=list)
    hung_up: int = 0
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def reply(self, ask: Ask, hear: Hear) -> None:
        self.asked.append(ask)
        try:
            await tell(self._parts(self.answer(ask) if self.answer else self.words), hear)
        except (Enough, asyncio.CancelledError):
            self.hung_up += 1
            raise

    async def _parts(self, words: list[str]) -> AsyncGenerator[Part, None]:
        number = 0
        while self.endless or number <= len(words):
            if number == self.pause_before:
                self.paused.set()
                await self.go_on.wait()
            if number == self.fail_before and self.failure is not None:
                raise self.failure
            if number < len(words) or self.endless:
                yield Words([words[number % len(words)]])
                await asyncio.sleep(self.gap_seconds)
            number += 1
        if self.reported is not None:
            yield self.reported
        if self.reason is not None:
            yield Finished(self.reason)

    async def close(self) -> None:
        """There is nothing to close."""
