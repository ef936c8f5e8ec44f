"""That somebody reads a reply in another worker, written down for its own, which looks before it gives the reply up."""

from __future__ import annotations

from app.db import Session, as_moment

NOTE = "UPDATE turns SET read_at = now() WHERE id = $1 AND state = 'running'"
LAST = "SELECT read_at, now() AS at FROM turns WHERE id = $1 AND read_at IS NOT NULL"


async def note(session: Session, stream_id: str) -> None:
    await session.run(NOTE, stream_id)


async def seconds_since(session: Session, stream_id: str) -> float | None:
    """On the database's clock, which is the same for both."""
    row = await session.row(LAST, stream_id)
    return (as_moment(row["at"]) - row["read_at"]).total_seconds() if row else None
