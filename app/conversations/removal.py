"""All of somebody's conversations, removed a few at a time, so that nobody else waits for it."""

from __future__ import annotations

from app.db import Session

AT_ONCE = 10


async def remove_some(session: Session, user_id: str) -> bool:
    """Messages and index go along. True while there may be more."""
    removed = await session.run(
        """DELETE FROM conversations
           WHERE id IN (SELECT id FROM conversations WHERE user_id = $1 ORDER BY id LIMIT $2)""",
        *(user_id, AT_ONCE),
    )
    await session.run("DELETE FROM conversation_deletions WHERE user_id = $1", user_id)
    return removed == AT_ONCE
