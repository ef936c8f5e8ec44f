"""What changed lately, for open tabs: the newest conversations and deletions, to be held against the look before.

Comparing what is there needs no clock that only goes forward and no order of commits, as a "since then" would.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.db import Row, Session, as_moment
from app.edge.shapes import Out

# More changes than this between two looks of one tab are not all told; it looks after each commit.
LOOKED_AT_MAX = 20
NEWEST = """
SELECT id, title, current_message_id, updated_at, 0 AS deleted FROM (
    SELECT * FROM conversations WHERE user_id = $1 ORDER BY updated_at DESC, id DESC LIMIT $2
) AS changed
UNION ALL
SELECT conversation_id, NULL, NULL, deleted_at, 1 FROM (
    SELECT * FROM conversation_deletions WHERE user_id = $1
    ORDER BY deleted_at DESC, conversation_id DESC LIMIT $2
) AS gone
"""


class Change(Out):
    """How one conversation is now; of one that was deleted only the id is left."""

    id: str
    title: str | None
    current_message_id: str | None
    updated_at: datetime
    deleted: bool


async def newest(session: Session, user_id: str) -> list[Change]:
    return [_change(row) for row in await session.rows(NEWEST, user_id, LOOKED_AT_MAX)]


def between(before: list[Change], now: list[Change]) -> list[Change]:
    """What is new or different, oldest first; not what only came into view because something else went out of it."""
    known, since = {change.id: change for change in before}, {deleted: _floor(before, deleted) for deleted in (0, 1)}
    found = (change for change in now if change != known.get(change.id))
    return sorted(_in_view(found, since), key=lambda change: change.updated_at)


def _in_view(found: Iterator[Change], since: dict[int, datetime | None]) -> Iterator[Change]:
    for change in found:
        floor = since[change.deleted]
        if floor is None or change.updated_at >= floor:
            yield change


def _floor(before: list[Change], deleted: int) -> datetime | None:
    """The time of the oldest in view, if older ones may be out of view."""
    times = [change.updated_at for change in before if change.deleted == deleted]
    return min(times) if len(times) == LOOKED_AT_MAX else None


def _change(row: Row) -> Change:
    return Change(
        id=row["id"],
        title=row["title"],
        current_message_id=row["current_message_id"],
        updated_at=as_moment(row["updated_at"]),
        deleted=bool(row["deleted"]),
    )
