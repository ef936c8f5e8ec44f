"""A provider that says what the test wrote, piece by piece, and stops where the test holds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from app.providers.provider import Ask, Finished, Part, Reason, Reported, Words


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

    asked: list[Ask] = field(default_factory=list)
    hung_up: int = 0
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def reply(self, ask: Ask) -> AsyncGenerator[Part, None]:
        self.asked.append(ask)
        try:
            async with aclosing(self._parts()) as parts:
                async for part in parts:
                    yield part
        except (GeneratorExit, asyncio.CancelledError):
            self.hung_up += 1
            raise

    async def _parts(self) -> AsyncGenerator[Part, None]:
        number = 0
        while self.endless or number <= len(self.words):
            if number == self.pause_before:
                self.paused.set()
                await self.go_on.wait()
            if number == self.fail_before and self.failure is not None:
                raise self.failure
            if number < len(self.words) or self.endless:
                yield Words([self.words[number % len(self.words)]])
                await asyncio.sleep(0)
            number += 1
        if self.reported is not None:
            yield self.reported
        if self.reason is not None:
            yield Finished(self.reason)

    async def close(self) -> None:
        """There is nothing to close."""
