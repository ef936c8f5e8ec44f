"""Conversations: begun, found, named, moved along, deleted. Whatever changes one tells its owner's open tabs."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.conversations import messages, search
from app.conversations.search import NEWEST
from app.conversations.tables import Conversation
from app.db import Row, Session
from app.edge.paging import Page
from app.errors import NotFound

TITLE_CHARS_MAX = 80
# Longer than any tab looks away for.
DELETION_REMEMBERED = timedelta(minutes=10)


class UnknownConversation(NotFound):
    """There is none of that id, or it belongs to somebody else."""


def first_words(message: str) -> str:
    """A title from a first message: one line, cut at a word."""
    line = " ".join(message[: TITLE_CHARS_MAX * 10].split())
    if len(line) <= TITLE_CHARS_MAX:
        return line
    cut = line[:TITLE_CHARS_MAX]
    # A word that fills most of the line, as a sentence without spaces does, is cut where the line ends.
    at = cut.rfind(" ", TITLE_CHARS_MAX // 2)
    return (cut[:at] if at > 0 else cut[:-1]).rstrip(" ,.;:-") + "…"


async def create(
    session: Session, conversation_id: str, user_id: str, title: str, now: datetime, tip_id: str | None = None
) -> None:
    """The title is not in the index: it is the first words of a message, which are found there."""
    await session.run(
        """INSERT INTO conversations (id, user_id, title, titled_by, current_message_id, created_at, updated_at)
           VALUES ($1, $2, $3, 'words', $4, $5, $5)""",
        *(conversation_id, user_id, title, tip_id, now),
    )
    session.tell(user_id)


async def find(session: Session, user_id: str, conversation_id: str) -> Conversation:
    sql = "SELECT * FROM conversations WHERE id = $1 AND user_id = $2"
    found = await session.one(Conversation, sql, conversation_id, user_id)
    if found is None:
        raise UnknownConversation
    return found


async def listed(session: Session, user_id: str, page: Page) -> list[Row]:
    """The most recently changed first, one more than the page holds."""
    return await session.rows(
        """SELECT * FROM conversations WHERE user_id = $1 AND (updated_at, id) < ($2, $3)
           ORDER BY updated_at DESC, id DESC LIMIT $4""",
        *(user_id, *(page.after or NEWEST), page.limit + 1),
    )


async def move_tip(session: Session, conversation_id: str, message_id: str, now: datetime) -> None:
    sql = "UPDATE conversations SET current_message_id = $2, updated_at = $3 WHERE id = $1 RETURNING user_id"
    row = await session.row(sql, conversation_id, message_id, now)
    if row is None:
        raise UnknownConversation
    _tell_owner(session, row)


async def suggest_title(session: Session, conversation_id: str, title: str, now: datetime) -> bool:
    """Takes the place of the first words, and of nothing else: neither of the owner's title nor of an earlier one."""
    row = await session.row(
        """UPDATE conversations SET title = $2, titled_by = 'model', updated_at = $3
           WHERE id = $1 AND titled_by = 'words' RETURNING user_id""",
        *(conversation_id, title, now),
    )
    if row is not None:
        await search.remember_title(session, conversation_id, title)
        _tell_owner(session, row)
    return row is not None


async def rename(session: Session, conversation_id: str, title: str, now: datetime) -> None:
    row = await session.row(
        "UPDATE conversations SET title = $2, titled_by = 'owner', updated_at = $3 WHERE id = $1 RETURNING user_id",
        *(conversation_id, title, now),
    )
    await search.remember_title(session, conversation_id, title)
    _tell_owner(session, row)


async def choose_branch(session: Session, conversation_id: str, message_id: str, now: datetime) -> None:
    """The branch through this message becomes the current one, as far down as its newest replies go."""
    await move_tip(session, conversation_id, await messages.newest_leaf(session, conversation_id, message_id), now)


async def delete(session: Session, user_id: str, conversation_id: str, now: datetime) -> None:
    """Messages and index go along with it. A reply that still runs finds out when it wants to be written down."""
    deleted = await session.run("DELETE FROM conversations WHERE id = $1 AND user_id = $2", conversation_id, user_id)
    if not deleted:
        raise UnknownConversation
    await session.run(
        "DELETE FROM conversation_deletions WHERE user_id = $1 AND deleted_at < $2", user_id, now - DELETION_REMEMBERED
    )
    await session.run(
        "INSERT INTO conversation_deletions (conversation_id, user_id, deleted_at) VALUES ($1, $2, $3)",
        *(conversation_id, user_id, now),
    )
    session.tell(user_id)


def _tell_owner(session: Session, changed: Row | None) -> None:
    if changed is not None:
        session.tell(changed["user_id"])
