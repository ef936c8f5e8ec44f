"""Many writers: none waits while there is time, and none is forgotten when there is not."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from itertools import pairwise

from app.edge.pace import MOMENT_SECONDS, WRITES_A_MOMENT, Pace
from tests.waiting import eventually


async def test_who_writes_alone_writes_at_once() -> None:
    pace, written = Pace(), list[int]()

    pace.soon(lambda: written.append(1))

    assert written == [1]


async def test_a_crowd_writes_in_the_order_it_came_and_not_all_at_once() -> None:
    pace, written, shares = Pace(), list[int](), list[int]()
    crowd = 40 * WRITES_A_MOMENT

    for number in range(crowd):
        pace.soon(partial(written.append, number))
    while len(written) < crowd:
        shares.append(len(written))
        await asyncio.sleep(0)

    assert shares[0] == WRITES_A_MOMENT
    assert written == list(range(crowd))
    assert max(after - before for before, after in pairwise(shares)) <= crowd / 4


async def test_who_comes_later_stands_behind_those_who_wait() -> None:
    pace, written = Pace(), list[int]()
    for number in range(WRITES_A_MOMENT + 1):
        pace.soon(partial(written.append, number))
    # The next moment begins, and the loop has had no turn in between.
    until = time.monotonic() + 2 * MOMENT_SECONDS
    while time.monotonic() < until:
        pass

    pace.soon(lambda: written.append(-1))
    await eventually(lambda: len(written) == WRITES_A_MOMENT + 2)

    assert written[-2:] == [WRITES_A_MOMENT, -1]
