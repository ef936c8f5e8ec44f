"""All of a conversation, or of many, in pieces: a batch at a time, with no connection held in between."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Iterable, Sequence
from urllib.parse import quote

import orjson

from app.conversations import markdown, messages, shapes
from app.conversations.shapes import ConversationOut
from app.conversations.tables import Conversation
from app.db import Database, Row

BATCH = 100
NAME_CHARS_MAX = 60
# By their ids, which stay as they are when something is said meanwhile.
ALL_OF = "SELECT * FROM conversations WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"
RESERVED = set('\\/:*?"<>|')
PLAIN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._()-")


def disposition(title: str, extension: str) -> str:
    """A header that no title can break out of: a plain name, and the whole one for those who read RFC 6266."""
    whole = _name(" " if unicodedata.category(mark)[0] in "CZ" or mark in RESERVED else mark for mark in title)
    plain = _name(mark for mark in unicodedata.normalize("NFKD", whole) if mark in PLAIN)
    return f"attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{quote(whole, safe='')}.{extension}"


async def as_markdown(db: Database, conversation: Conversation) -> AsyncIterator[str]:
    """The current branch."""
    yield markdown.heading(conversation)
    async for found in _branch(db, conversation.current_message_id):
        yield "".join(markdown.section(row) for row in found)


async def as_json(db: Database, conversation: Conversation) -> AsyncIterator[str]:
    """Every branch."""
    shown = ConversationOut.model_validate(conversation.model_dump())
    yield f'{{"conversation":{shown.model_dump_json()},"messages":['
    seen, comma = (0, ""), ""
    while True:
        async with db.read() as session:
            found = await messages.whole_tree(session, conversation.id, after=seen, limit=BATCH)
        if not found:
            break
        yield comma + ",".join(shapes.said(row).model_dump_json() for row in found)
        seen, comma = (found[-1]["number"], found[-1]["id"]), ","
    yield "]}"


async def all_of(db: Database, user_id: str) -> AsyncIterator[str]:
    """Every conversation of theirs with every branch, in the order in which they were begun, a comma between."""
    seen, comma = "", ""
    while True:
        async with db.read() as session:
            found = await session.all(Conversation, ALL_OF, user_id, seen, BATCH)
        for conversation in found:
            yield comma
            comma = ","
            async for piece in as_json(db, conversation):
                yield piece
        if len(found) < BATCH:
            return
        seen = found[-1].id


async def history(db: Database, found: Sequence[Row], next_cursor: str | None) -> AsyncIterator[str]:
    """These conversations, each with the messages of its current branch, as one JSON object."""
    comma = '{"conversations":['
    for row in found:
        shown = ConversationOut.model_validate(dict(row)).model_dump_json()
        yield f'{comma}{shown.removesuffix("}")},"messages":['
        between = ""
        async for batch in _branch(db, row["current_message_id"]):
            yield between + ",".join(await _with_siblings(db, batch))
            between = ","
        yield "]}"
        comma = ","
    yield f'{"" if found else comma}],"nextCursor":{orjson.dumps(next_cursor).decode()}}}'


async def _branch(db: Database, tip_id: str | None) -> AsyncIterator[list[Row]]:
    after = 0
    while True:
        async with db.read() as session:
            found = await messages.page(session, tip_id, after=after, limit=BATCH)
        if found:
            yield found
        if len(found) < BATCH:
            return
        after = found[-1]["number"]


async def _with_siblings(db: Database, found: list[Row]) -> list[str]:
    async with db.read() as session:
        alike = await messages.siblings(session, found[0]["conversation_id"], found)
    return [shapes.message(row, alike[row["id"]]).model_dump_json() for row in found]


def _name(marks: Iterable[str]) -> str:
    return " ".join("".join(marks).split())[:NAME_CHARS_MAX].strip(". ") or "conversation"
