"""An event that takes next to no room while nobody waits for it, which is nearly always."""

from __future__ import annotations

import asyncio


class Flag:
    """As `asyncio.Event`, of which each takes most of a kilobyte for those who may wait."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[asyncio.Future[None]] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> None:
        """Returns at once when it is set, and otherwise once it has been, even if it is cleared again by then."""
        if not self._is_set:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            try:
                await waiting
            finally:
                self._waiting.remove(waiting)
