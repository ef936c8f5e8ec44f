"""How long and how much an upstream may: limits of our own, because it keeps none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.settings import Settings

# A chunk of one token is some 300 bytes in the wild.
BYTES_PER_TOKEN_MAX = 1024


@dataclass(frozen=True, slots=True)
class Guards:
    # To the first words, counted from the question; comments and empty deltas are no words.
    first_content_seconds: float = 30
    # From words to words.
    progress_seconds: float = 30
    turn_seconds_max: float = 600
    line_bytes_max: int = 2**20
    # Beside what the tokens that were asked for may take.
    reply_bytes_max: int = 2**24
    # After the reason to finish, for the usage; after the end was announced, for the end itself.
    finish_seconds: float = 2
    close_seconds: float = 0.1

    @classmethod
    def of(cls, settings: Settings) -> Guards:
        return cls(
            first_content_seconds=settings.first_content_seconds,
            progress_seconds=settings.progress_seconds,
            turn_seconds_max=settings.turn_seconds_max,
        )

    def bytes_max(self, tokens: int) -> int:
        return self.reply_bytes_max + BYTES_PER_TOKEN_MAX * tokens


class Timer(Protocol):
    def cancel(self) -> None: ...


class Timers(Protocol):
    """What a watch needs of a loop."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer: ...


class Watch:
    """Hangs up on an upstream that is late.

    One timer a reply, which looks again when it was put off: to put it off costs a read nothing but an assignment.
    While whoever reads is busy with what arrived, nobody is late.
    """

    def __init__(self, guards: Guards, loop: Timers | None = None) -> None:
        self._loop: Timers = loop or asyncio.get_running_loop()
        self.guards = guards
        now = self._loop.time()
        self._ends = now + guards.turn_seconds_max
        self.due = min(now + guards.first_content_seconds, self._ends)
        self.is_over = False
        self._is_resting = False
        self._hang_up: Callable[[], object] | None = None
        self._timer: Timer | None = None
        self._looks_at = self.due

    def start(self, hang_up: Callable[[], object]) -> None:
        self._hang_up = hang_up
        self._arm()

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def rest(self) -> None:
        self._is_resting = True

    def heard(self) -> None:
        """There were words, and their reader is back."""
        self._is_resting = False
        self._put(min(self._loop.time() + self.guards.progress_seconds, self._ends))

    def finish_within(self, seconds: float) -> None:
        self._put(min(self._loop.time() + seconds, self.due))

    def _put(self, due: float) -> None:
        self.due = due
        if self._timer and due < self._looks_at:
            self._timer.cancel()
            self._arm()

    def _arm(self) -> None:
        self._looks_at = self.due
        self._timer = self._loop.call_at(self.due, self._look)

    def _look(self) -> None:
        if self._is_resting:
            self.due = self._loop.time() + self.guards.progress_seconds
        if self.due > self._loop.time():
            self._arm()
        elif self._hang_up:
            self.is_over = True
            self._hang_up()
