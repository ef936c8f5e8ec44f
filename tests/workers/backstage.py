"""A loop on a thread of its own, for what outlives a test and answers while the test is busy."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")
CALL_SECONDS_MAX = 60


class Backstage:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS_MAX)

    @contextmanager
    def within(self, context: AbstractAsyncContextManager[Result]) -> Iterator[Result]:
        yield self.call(_entered(context))
        self.call(_left(context))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def backstage() -> Iterator[Backstage]:
    found = Backstage()
    found.start()
    try:
        yield found
    finally:
        found.stop()


async def _entered(context: AbstractAsyncContextManager[Result]) -> Result:
    return await context.__aenter__()


async def _left(context: AbstractAsyncContextManager[Any]) -> None:
    await context.__aexit__(None, None, None)
