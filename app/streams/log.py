"""A stream's events as ready-made frames, written once and read from any position as often as anyone likes.

The writer never waits for a reader. A reader holds a position and nothing else; when it is behind, it gets many
frames in one piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

CHUNK_BYTES_MAX = 32 * 1024


class Log:
    """Frame number `n` is the event with `id: n`."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.closed = self.broken = False
        self._watching: list[Callable[[], None]] = []

    def append(self, *frames: bytes) -> None:
        self.frames.extend(frames)
        self._tell()

    def close(self, *last: bytes, broken: bool = False) -> None:
        """Broken: what was to be said is not all there, and a reader that gets no events should notice."""
        self.frames.extend(last)
        self.closed, self.broken = True, broken
        self._tell()

    def chunk(self, position: int) -> tuple[bytes, int]:
        """What follows a position, up to a fair size, and the position behind it."""
        frames, end, size = self.frames, position, 0
        if end + 1 == len(frames):
            return frames[end], end + 1
        while end < len(frames) and size < CHUNK_BYTES_MAX:
            size += len(frames[end])
            end += 1
        return b"".join(frames[position:end]), end

    def ended(self, position: int) -> bool:
        """Whether somebody at this position has seen all there will ever be."""
        return self.closed and position >= len(self.frames)

    def watch(self, changed: Callable[[], None]) -> None:
        """Calls at every change, in the middle of it, until told otherwise."""
        self._watching.append(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Not from within the call."""
        self._watching.remove(changed)

    def _tell(self) -> None:
        for changed in self._watching:
            changed()


async def next_change(log: Log) -> None:
    """For whoever follows a log in a loop and is not a connection: a test, or a reply that is waited for."""
    changed = asyncio.Event()
    log.watch(changed.set)
    try:
        await changed.wait()
    finally:
        log.unwatch(changed.set)
