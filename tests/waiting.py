"""For what happens by itself a moment later, in a server that gives no sign of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LOOK_SECONDS = 0.01


async def eventually(condition: Callable[[], bool], *, seconds_max: float = 5) -> None:
    async with asyncio.timeout(seconds_max):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for on this side of the socket.
            await asyncio.sleep(LOOK_SECONDS)
