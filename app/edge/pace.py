"""Keeps many readers even on a core that is full: those that would write wait in line, and what comes for one of them
meanwhile leaves in the same write. A core with time to spare knows no line.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

MOMENT_SECONDS = 0.001
# More than this is more than a core can do beside all else.
WRITES_A_MOMENT = 16
# Of a long line, so large a part is served in a moment all the same.
PART_OF_LINE = 4


class Pace:
    def __init__(self) -> None:
        self._line: deque[Callable[[], None]] = deque()
        self._moment, self._left = 0.0, 0

    def soon(self, write: Callable[[], None]) -> None:
        """At once, unless so many write in this moment that it has to wait."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now >= self._moment + MOMENT_SECONDS:
            self._moment, self._left = now, WRITES_A_MOMENT
        if self._left and not self._line:
            self._left -= 1
            write()
            return
        if not self._line:
            loop.call_later(MOMENT_SECONDS, self._serve)
        self._line.append(write)

    def _serve(self) -> None:
        line = self._line
        for _ in range(min(len(line), max(WRITES_A_MOMENT, len(line) // PART_OF_LINE))):
            line.popleft()()
        if line:
            asyncio.get_running_loop().call_later(MOMENT_SECONDS, self._serve)
