"""How often a busy process reads from each of its upstreams.

What a read costs is nearly the same whether it brings one word or five. So when there are more reads a second than
leave time for everything else, each connection rests for a moment after one, and finds more with the next. The first
words of a reply never wait; nor does a stream whose words come further apart than the rest is long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from app.providers.guards import Timers

READS_PER_SECOND_MAX = 4_000
REST_SECONDS_MAX = 0.06
# How long is counted before it is decided anew, and how exactly a rest is kept to.
WINDOW_SECONDS = 0.1
GRAIN_SECONDS = 0.004


class Read(Protocol):
    """What is read from: a connection."""

    # The window in which it was counted last.
    counted_in: float

    def rest(self) -> None: ...

    def rested(self) -> None: ...


class Pace:
    def __init__(self, loop: Timers | None = None) -> None:
        self._loop = loop
        self._began = self._until = 0.0
        self._reads = self._streams = 0
        self._rest = 0.0
        self._resting: deque[tuple[float, Read]] = deque()

    def after_read(self, one: Read) -> None:
        """In the step that read it, when all of it is passed on and there is more to come."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        now = loop.time()
        if now >= self._until:
            self._decide(now)
        self._reads += 1
        if one.counted_in != self._until:
            one.counted_in = self._until
            self._streams += 1
        if self._rest:
            one.rest()
            if not self._resting:
                loop.call_at(now + GRAIN_SECONDS, self._wake)
            self._resting.append((now + self._rest, one))

    def _decide(self, now: float) -> None:
        a_second = self._reads / (now - self._began)
        if a_second > READS_PER_SECOND_MAX:
            self._rest = min(self._streams / READS_PER_SECOND_MAX, REST_SECONDS_MAX)
        elif a_second < READS_PER_SECOND_MAX / 2:
            # Where a rest was too long for fewer streams than there were, the next window finds that out.
            self._rest = 0.0
        self._began, self._until = now, now + WINDOW_SECONDS
        self._reads = self._streams = 0

    def _wake(self) -> None:
        assert self._loop is not None
        now, resting = self._loop.time(), self._resting
        while resting and resting[0][0] <= now:
            resting.popleft()[1].rested()
        if resting:
            self._loop.call_at(now + GRAIN_SECONDS, self._wake)
