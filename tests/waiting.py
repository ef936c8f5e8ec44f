"""For what happens by itself a moment later.

How long that may take is not what these tests are about: a machine that is busy needs longer, and what never happens
fails all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

LOOK_SECONDS = 0.01
WAIT_SECONDS_MAX = 30


async def eventually(condition: Callable[[], bool], *, seconds_max: float = WAIT_SECONDS_MAX) -> None:
    """In a server that gives no sign of it."""
    async with asyncio.timeout(seconds_max):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for on this side of the socket.
            await asyncio.sleep(LOOK_SECONDS)


def soon() -> asyncio.Timeout:
    return asyncio.timeout(WAIT_SECONDS_MAX)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Once this returns, nothing of the connection is left behind."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
