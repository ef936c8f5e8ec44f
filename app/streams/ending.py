"""Ends tasks for good. What is cancelled in the middle of a call may take that for a failure of the call and go on."""

from __future__ import annotations

import asyncio

CANCEL_SECONDS, CANCELS_MAX = 1.0, 3


async def end(tasks: set[asyncio.Task[None]]) -> None:
    """Each is told again until it hears it, but not for ever."""
    for _ in range(CANCELS_MAX):
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
