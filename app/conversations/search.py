"""The index over titles and whole messages. FTS5 and tsvector hold the same words, and one statement asks either."""

from __future__ import annotations

from datetime import UTC, datetime

from app.conversations import terms
from app.db import Row, Session
from app.edge.paging import Page, Place

# Where a list that begins with the newest begins.
NEWEST: Place = (datetime(9999, 12, 31, tzinfo=UTC), "")
SNIPPET_CHARS = 160
SNIPPET_LEAD_CHARS = 60
# What is looked at for a snippet; a match further in is shown by the message's beginning.
SNIPPET_SOURCE_CHARS = 20_000
# How many titles and messages are looked through before the index is asked, and for how many words at most.
LOOK_AT, LOOK_FOR_MAX = 500, 3

REMEMBER = """
INSERT INTO search_entries (source_id, conversation_id, words)
SELECT {source}, conversations.id, '_' || user_id || CAST($2 AS VARCHAR) FROM {tables}
ON CONFLICT (source_id) DO UPDATE SET words = excluded.words
"""
REMEMBER_TITLE = REMEMBER.format(source="conversations.id", tables="conversations WHERE conversations.id = $1")
REMEMBER_MESSAGE = REMEMBER.format(
    source="messages.id",
    tables="messages JOIN conversations ON conversations.id = conversation_id WHERE messages.id = $1",
)
# Texts only of those shown.
SHOW = """
SELECT shown.*, messages.id AS message_id, SUBSTR(messages.content, 1, $6) AS content FROM (
    SELECT conversations.*, newest FROM ({matched}) AS matched
    CROSS JOIN conversations
    WHERE conversations.id = matched.conversation_id AND user_id = $2 AND (updated_at, conversations.id) < ($3, $4)
    ORDER BY updated_at DESC, conversations.id DESC LIMIT $5
) AS shown
JOIN search_entries ON search_entries.number = newest LEFT JOIN messages ON messages.id = source_id
ORDER BY shown.updated_at DESC, shown.id DESC
"""
# Every match is looked at, because the newest conversation may hold the oldest message.
SEARCH = SHOW.format(
    matched="""
        SELECT conversation_id, MAX(number) AS newest
        FROM search($1) AS found JOIN search_entries ON search_entries.number = found.rowid GROUP BY conversation_id
    """
)
# What many messages say, the next few conversations say. Whatever is found there is in its order and whole, but for the
# last; so when there is more than a page of it, that page is the right one.
LOOK = SHOW.format(
    matched="""
        SELECT conversation_id, MAX(number) AS newest FROM (
            SELECT conversation_id, number, words FROM conversations
            CROSS JOIN search_entries
            WHERE search_entries.conversation_id = conversations.id
              AND user_id = $2 AND (updated_at, conversations.id) < ($3, $4)
            ORDER BY updated_at DESC, conversations.id DESC LIMIT $7
        ) AS next
        WHERE words || ' ' LIKE $1 AND words || ' ' LIKE $8 AND words || ' ' LIKE $9 GROUP BY conversation_id
    """
)


async def remember_title(session: Session, conversation_id: str, title: str) -> None:
    await session.run(REMEMBER_TITLE, conversation_id, terms.indexed(title))


async def remember_message(session: Session, message_id: str, content: str) -> None:
    await session.run(REMEMBER_MESSAGE, message_id, terms.indexed(content))


async def search(session: Session, user_id: str, question: str, page: Page, look_at: int = LOOK_AT) -> list[Row]:
    """Conversations with all of the words in their title or in one message; the most recently changed come first.

    One more than the page holds. `content` is the newest message that matched, NULL when only the title did.
    """
    words = terms.asked(question)
    if not words:
        return []
    within = (user_id, *(page.after or NEWEST), page.limit + 1, SNIPPET_SOURCE_CHARS)
    first, *others = map(_pattern, words)
    if len(others) < LOOK_FOR_MAX:
        anything = ["%"] * (LOOK_FOR_MAX - 1 - len(others))
        found = await session.rows(LOOK, first, *within, look_at, *others, *anything)
        if len(found) > page.limit:
            return found
    return await session.rows(SEARCH, terms.query(user_id, words), *within)


def _pattern(word: str) -> str:
    return f"% {word[:-1]}%" if word.endswith("*") else f"% {word} %"


def snippet(content: str, question: str) -> str:
    """One line around the first of the words."""
    place = terms.place_of(content, question)
    start = max(0, place - SNIPPET_LEAD_CHARS)
    if start:
        start = content.find(" ", start, place) + 1 or start
    text = " ".join(content[start : start + SNIPPET_CHARS].split())
    return f"{'…' if start else ''}{text}{'…' if start + SNIPPET_CHARS < len(content) else ''}"
