"""A stop that is written down: the worker that runs the reply reads it a moment later, with or without Redis."""

from __future__ import annotations

from datetime import datetime

from app.db import Session


async def ask(session: Session, user_id: str, stream_id: str, now: datetime) -> None:
    """Of what has ended, or is somebody else's, nothing changes."""
    await session.run(
        """
        UPDATE turns SET stop_asked_at = $3
        WHERE id = $1 AND user_id = $2 AND state = 'running' AND stop_asked_at IS NULL
        """,
        *(stream_id, user_id, now),
    )


async def asked_of(session: Session, worker: str) -> list[str]:
    """Which of its replies this worker has yet to stop."""
    rows = await session.rows(
        "SELECT id FROM turns WHERE worker = $1 AND state = 'running' AND stop_asked_at IS NOT NULL", worker
    )
    return [row["id"] for row in rows]
