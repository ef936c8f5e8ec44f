"""A circuit breaker: a provider that keeps failing is left alone for a while, then asked once to see.

It works by calls that are let in and later tell how it went. Whatever was let in before the last change of state is
news of another time and changes nothing.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

FAILURES_IN_A_ROW = 5
# Where good and bad come mixed: so many of the last calls.
LAST_CALLS, FAILURES_AMONG_THEM = 20, 10
OPEN_SECONDS, OPEN_SECONDS_MAX = 15.0, 120.0

Seconds = Callable[[], float]
# Names the state in which a call was let in.
Pass = int


class State(Enum):
    CLOSED, HALF_OPEN, OPEN = "closed", "half_open", "open"


class Breaker:
    def __init__(self, seconds: Seconds = time.monotonic, on_change: Callable[[State], object] | None = None) -> None:
        self._seconds, self._on_change = seconds, on_change
        self.state = State.CLOSED
        self._pass: Pass = 0
        self._in_a_row = 0
        self._last: deque[bool] = deque(maxlen=LAST_CALLS)
        self._open_seconds = OPEN_SECONDS
        self._open_until = 0.0

    def admit(self) -> Pass | None:
        """`None` while the provider is left alone; else what to say how it went with."""
        if self.state is State.CLOSED:
            return self._pass
        if self.state is State.HALF_OPEN or self._seconds() < self._open_until:
            return None
        self._become(State.HALF_OPEN)
        return self._pass

    def spoke(self, admitted: Pass) -> None:
        """The first words. Whoever was sent to see needs to see no more."""
        if admitted == self._pass and self.state is State.HALF_OPEN:
            self._close()

    def succeeded(self, admitted: Pass) -> None:
        if admitted != self._pass:
            return
        self.spoke(admitted)
        self._in_a_row = 0
        self._last.append(True)

    def failed(self, admitted: Pass) -> None:
        if admitted != self._pass:
            return
        if self.state is State.HALF_OPEN:
            self._open(min(self._open_seconds * 2, OPEN_SECONDS_MAX))
            return
        self._in_a_row += 1
        self._last.append(False)
        if self._in_a_row >= FAILURES_IN_A_ROW or self._last.count(False) >= FAILURES_AMONG_THEM:
            self._open(OPEN_SECONDS)

    def left(self, admitted: Pass) -> None:
        """Nobody waited for how it went: then the next one sees."""
        if admitted == self._pass and self.state is State.HALF_OPEN:
            self._open_until = self._seconds()
            self._become(State.OPEN)

    def retry_after_seconds(self) -> int:
        return max(1, math.ceil(self._open_until - self._seconds()))

    def _open(self, seconds: float) -> None:
        self._open_seconds, self._open_until = seconds, self._seconds() + seconds
        self._become(State.OPEN)

    def _close(self) -> None:
        self._in_a_row, self._open_seconds = 0, OPEN_SECONDS
        self._last.clear()
        self._become(State.CLOSED)

    def _become(self, state: State) -> None:
        self.state = state
        self._pass += 1
        if self._on_change:
            self._on_change(state)
