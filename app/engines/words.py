"""How those are told who wait for a commit that they share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from copy import copy
from typing import Any


def tell(waiting: Iterable[asyncio.Future[Any]], problem: Exception | None) -> None:
    """Who has stopped waiting takes nobody along; and each is told of a problem in an exception of its own, so that no
    traceback shows the way of a neighbour.
    """
    for word in waiting:
        if word.done():
            continue
        if problem is None:
            word.set_result(None)
        else:
            word.set_exception(copy(problem))
            word.exception()  # Marks it as seen: who waits may be cancelled before it is told.
