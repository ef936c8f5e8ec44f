"""The first signal to stop empties the house before the server hears of it; one from the keyboard then ends it at once.

A server that is told closes its doors first and asks the application last, when it is too late to finish anything.
Who tells every process of a service, and the parent of ours that then tells each of us again, mean one and the same
stop: SIGTERM while the house is being emptied changes nothing. SIGINT does, from somebody who is tired of waiting.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def before_stopping(empty: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Stands between the signals and whoever handles them now."""
    loop, theirs = asyncio.get_running_loop(), {name: signal.getsignal(name) for name in SIGNALS}
    emptying: list[asyncio.Task[None]] = []

    async def empty_and_pass_on(number: int) -> None:
        try:
            await empty()
        finally:
            _put_back(theirs)
            _handle(theirs[signal.Signals(number)], number, None)

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, theirs[signal.SIGINT])
        signal.signal(signal.SIGTERM, _heard_already)
        loop.call_soon_threadsafe(lambda: emptying.append(loop.create_task(empty_and_pass_on(number))))

    for name in SIGNALS:
        signal.signal(name, first)
    try:
        yield
    finally:
        _put_back(theirs)


def _heard_already(_number: int, _frame: FrameType | None) -> None:
    """A function and not `SIG_IGN`, which processes that are started meanwhile would inherit."""


def _put_back(theirs: dict[signal.Signals, Any]) -> None:
    for name, handler in theirs.items():
        signal.signal(name, handler)


def _handle(handler: Any, number: int, frame: FrameType | None) -> None:
    if callable(handler):
        handler(number, frame)
