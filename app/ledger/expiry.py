"""Holds whose owner died: past their time by the database's clock, anybody may end them, any number at once."""

from __future__ import annotations

import asyncio
from functools import partial

from app.db import ConstraintViolated, Database, LockedOut, Session
from app.ledger import ledger
from app.ledger.ledger import Resolution, Used
from app.observability import logs

BATCH = 100
# So many holds of an account are looked at. Only one whose `held` is wrong has its open holds further back.
LOOK_BACK = 10_000
FOREVER = 2**31 - 1

log = logs.get("prome.ledger")

# From the newest hold of each account that has tokens held, back to where all of them are found. So what is read is as
# much as is open, however long the history is.
OVERDUE = """
WITH RECURSIVE back (user_id, hold_id, missing, step) AS (
    SELECT user_id,
        (SELECT id FROM holds WHERE holds.user_id = ledger_accounts.user_id
         ORDER BY created_at DESC, id DESC LIMIT 1),
        held, 1
    FROM ledger_accounts WHERE held > 0
    UNION ALL
    SELECT back.user_id,
        (SELECT older.id FROM holds AS older
         WHERE older.user_id = back.user_id AND (older.created_at, older.id) < (seen.created_at, seen.id)
         ORDER BY older.created_at DESC, older.id DESC LIMIT 1),
        missing - CASE WHEN ended.hold_id IS NULL THEN tokens ELSE 0 END, step + 1
    FROM back JOIN holds AS seen ON seen.id = back.hold_id
    LEFT JOIN hold_resolutions AS ended ON ended.hold_id = seen.id
    WHERE missing > 0 AND step < $2
)
SELECT holds.id FROM back JOIN holds ON holds.id = back.hold_id
LEFT JOIN hold_resolutions ON hold_resolutions.hold_id = holds.id
WHERE expires_at <= now() AND hold_resolutions.hold_id IS NULL
ORDER BY expires_at LIMIT $1
"""


async def overdue(session: Session, look_back: int = LOOK_BACK) -> list[str]:
    """Whether a hold is past its time is for the database to say, whose clock gave it that time."""
    return [row["id"] for row in await session.rows(OVERDUE, BATCH, look_back)]


async def expire(session: Session, hold_id: str) -> Resolution:
    """Frees all of it: nobody is left who could say what was used."""
    return await ledger.resolve(session, hold_id, "expired", Used())


async def sweep(db: Database, look_back: int = LOOK_BACK) -> int:
    """Each in a unit of its own, so that one that fails keeps no other from ending."""
    ended = 0
    while True:
        async with db.read() as session:
            found = await overdue(session, look_back)
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
    except LockedOut:
        log.warning("hold_cannot_end_yet", hold=hold_id)
        return False
    return resolution.outcome == "expired"
