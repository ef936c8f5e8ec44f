"""A loop whose time passes when the test says so, for whatever only sets timers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(eq=False)
class FakeTimer:
    at: float
    ring: Callable[[], object]
    _timers: list[FakeTimer]

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        if self in self._timers:
            self._timers.remove(self)


class FakeLoop:
    def __init__(self) -> None:
        self._now = 1000.0
        self._timers: list[FakeTimer] = []

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], object]) -> FakeTimer:
        self._timers.append(FakeTimer(when, callback, self._timers))
        return self._timers[-1]

    def pass_by(self, seconds: float) -> None:
        """Every timer rings at its own time, those among them that an earlier one sets."""
        end = self._now + seconds
        while due := [timer for timer in self._timers if timer.at <= end]:
            first = min(due, key=FakeTimer.when)
            first.cancel()
            self._now = max(self._now, first.at)
            first.ring()
        self._now = end
