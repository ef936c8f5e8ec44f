"""Wakes when something about the account is told, and in any case every few seconds.

The regular look is what ends the channel after a logout, and what notices changes that another process made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from app.db import Database
from app.edge.sse import frame
from app.errors import Unauthenticated
from app.ledger import ledger
from app.streams.topics import Topics

LOOK_SECONDS = 3.0
StillMe = Callable[[], Awaitable[object]]


async def follow(db: Database, topics: Topics, user_id: str, still_me: StillMe) -> AsyncIterator[bytes]:
    number, told = 0, None
    with topics.follow(user_id) as follower:
        while True:
            now = await _balance(db, user_id)
            if now != told:
                yield frame(number, "balance", now)
                number, told = number + 1, now
            if not await follower.wait(LOOK_SECONDS) and not await _stands(still_me):
                return


async def _stands(still_me: StillMe) -> bool:
    try:
        await still_me()
    except Unauthenticated:
        return False
    return True


async def _balance(db: Database, user_id: str) -> dict[str, Any]:
    async with db.read() as session:
        has = await ledger.balance(session, user_id)
    return {"balance": has.balance, "held": has.held, "available": has.available}
