"""Closing an account for good, in a task of its own: whoever asked may have closed the page meanwhile."""

from __future__ import annotations

import asyncio
from functools import partial

from app.accounts import leavers
from app.accounts.doors import Doors
from app.accounts.tables import User
from app.billing import leaving as billing
from app.billing.shop import Shop
from app.chat import asks
from app.chat.readings import Readings
from app.conversations import removal
from app.db import Session
from app.edge import idempotency
from app.errors import Unauthenticated, Unavailable
from app.observability import logs

# Each time another reply has begun since the last ones were stopped.
TRIES_MAX = 5
NOT_ALL_GONE = """
SELECT id FROM users WHERE address_mark IS NOT NULL
AND EXISTS (SELECT 1 FROM conversations WHERE user_id = users.id) ORDER BY id
"""

log = logs.get("prome.leaving")


class StillReplying(Unavailable):
    code, message = "still_replying", "A reply of yours is still running. Please stop it and try again."


class Leaving:
    def __init__(self, shop: Shop, doors: Doors, readings: Readings) -> None:
        self._settings, self._clock, self._db = shop.settings, shop.clock, shop.db
        self._shop, self._doors, self._readings = shop, doors, readings
        self._work: set[asyncio.Task[None]] = set()

    async def leave(self, user: User) -> None:
        task = asyncio.create_task(self._leave(user))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        await asyncio.shield(task)

    async def drain(self) -> None:
        await asyncio.gather(*self._work, return_exceptions=True)

    async def finish(self) -> None:
        """Removes what is left of those who are gone, and what was begun in the very moment that they went."""
        async with self._db.read() as session:
            found = await session.rows(NOT_ALL_GONE)
        for row in found:
            await self._remove(row["id"])

    async def _leave(self, user: User) -> None:
        await self._stop_replies(user.id)
        await billing.leave(self._shop, user.id)
        for _ in range(TRIES_MAX):
            try:
                await self._db.transact(partial(self._close, user))
                break
            except StillReplying:
                await self._stop_replies(user.id)
        else:
            raise StillReplying
        log.info("account_left", user_id=user.id)
        await self._remove(user.id)

    async def _close(self, user: User, session: Session) -> None:
        mark = leavers.mark_of(self._settings, user.email)
        if not await leavers.forget(session, user, mark, self._doors, self._clock.now()):
            raise Unauthenticated
        # The row of the user is locked by now, so no other reply can begin behind this look.
        if await asks.running(session, user.id):
            raise StillReplying
        await idempotency.forget_all(session, user.id)
        session.tell(user.id)

    async def _stop_replies(self, user_id: str) -> None:
        for row in await self._readings.running(user_id):
            await self._readings.stop(user_id, row["id"])

    async def _remove(self, user_id: str) -> None:
        await self._stop_replies(user_id)
        more = True
        while more:
            async with self._db.begin() as session:
                more = await removal.remove_some(session, user_id)
