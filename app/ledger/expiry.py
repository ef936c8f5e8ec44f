"""Holds whose owner died: past their time by the database's clock, anybody may end them, any number at once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial

from app.db import ConstraintViolated, Database, Session
from app.ledger import ledger
from app.ledger.ledger import Resolution, Used
from app.observability import logs

BATCH = 100
# Later than this a sweep no longer looks, so that it never reads all of history; the look at start-up does.
LOOK_BACK = timedelta(days=2)
FOREVER = timedelta(days=365 * 100)

log = logs.get("prome.ledger")


async def overdue(session: Session, now: datetime, look_back: timedelta = LOOK_BACK) -> list[str]:
    """Whether a hold is past its time is for the database to say; `now` only bounds how far back it looks."""
    rows = await session.rows(
        """
        SELECT holds.id FROM holds LEFT JOIN hold_resolutions ON hold_resolutions.hold_id = holds.id
        WHERE expires_at <= now() AND expires_at > $1 AND hold_resolutions.hold_id IS NULL
        ORDER BY expires_at LIMIT $2
        """,
        *(now - look_back, BATCH),
    )
    return [row["id"] for row in rows]


async def expire(session: Session, hold_id: str) -> Resolution:
    """Frees all of it: nobody is left who could say what was used."""
    return await ledger.resolve(session, hold_id, "expired", Used())


async def sweep(db: Database, now: datetime, look_back: timedelta = LOOK_BACK) -> int:
    """Each in a unit of its own, so that one that fails keeps no other from ending."""
    ended = 0
    while True:
        async with db.read() as session:
            found = await overdue(session, now, look_back)
        outcomes = await asyncio.gather(*(_end(db, hold_id) for hold_id in found))
        ended += sum(outcomes)
        if len(found) < BATCH or not any(outcomes):
            return ended


async def _end(db: Database, hold_id: str) -> bool:
    try:
        resolution = await db.transact(partial(expire, hold_id=hold_id))
    except ConstraintViolated as error:
        log.error("hold_cannot_end", hold=hold_id, error=str(error))
        return False
    return resolution.outcome == "expired"
