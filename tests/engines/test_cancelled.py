"""Whoever is cancelled anywhere in a unit leaves nothing behind: no row, no lock, no connection, no complaint."""

from __future__ import annotations

import asyncio
from typing import Any

from app.db import Database
from tests.engines.conftest import ids
from tests.waiting import soon

TRIALS = 60


async def test_units_cancelled_at_any_step_leave_nothing(db: Database) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))

    async def unit(number: int) -> None:
        async with db.begin() as session:
            await session.run("INSERT INTO things (id) VALUES ($1)", number)
            await session.run("UPDATE things SET id = id WHERE id = $1", number)

    done = 0
    for number in range(TRIALS):
        working = asyncio.create_task(unit(number))
        # From before its first step to after its last one, in steps of the loop and of the network.
        for _ in range(number % 12):
            await asyncio.sleep(0 if number % 2 else 0.0005)
        working.cancel()
        await asyncio.wait({working})
        done += not working.cancelled()

    async with soon():
        await asyncio.gather(*(unit(TRIALS + number) for number in range(20)))
    kept = await ids(db)

    assert complaints == []
    assert kept[-20:] == list(range(TRIALS, TRIALS + 20))
    assert len(kept) - 20 >= done
