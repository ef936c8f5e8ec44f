"""Messages: written, grown while a reply streams, ended, and read as a branch from the tip up to the first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.conversations import search
from app.conversations.tables import Message
from app.db import Row, Session
from app.errors import NotFound

# Narrow rows, because the walk is as long as the branch. A branch ends at `after`, and is walked no further.
BRANCH = """
WITH RECURSIVE branch (id, parent_id, number) AS (
    SELECT id, parent_id, number FROM messages WHERE id = $1
    UNION ALL
    SELECT messages.id, messages.parent_id, messages.number
    FROM branch JOIN messages ON messages.id = branch.parent_id WHERE branch.number > $2 + 1
)
"""
PAGE = f"""{BRANCH}
SELECT * FROM messages WHERE id IN (SELECT id FROM branch WHERE number > $2 ORDER BY number LIMIT $3) ORDER BY number
"""
# Backwards a page begins where the one before ended, so it costs as much as it shows, however long the branch is.
BRANCH_BACK = """
WITH RECURSIVE branch (id, parent_id, more) AS (
    SELECT id, parent_id, $2 - 1 FROM messages WHERE id = $1
    UNION ALL
    SELECT messages.id, messages.parent_id, branch.more - 1
    FROM branch JOIN messages ON messages.id = branch.parent_id WHERE branch.more > 0
)
"""
PAGE_BACK = f"{BRANCH_BACK} SELECT * FROM messages WHERE id IN (SELECT id FROM branch) ORDER BY number DESC"
# Siblings share their number, which is what the index finds them by; those of the first message have no parent at all.
SIBLINGS = f"""{BRANCH}
SELECT branch.id AS of, sibling.id FROM branch
JOIN messages AS sibling ON sibling.conversation_id = $3 AND sibling.number = branch.number
WHERE sibling.parent_id = branch.parent_id OR branch.parent_id IS NULL
ORDER BY sibling.created_at, sibling.id
"""
BRANCH_UP = """
WITH RECURSIVE branch (id, parent_id, number, spent) AS (
    SELECT id, parent_id, number, tokens + $3 FROM messages WHERE id = $1
    UNION ALL
    SELECT messages.id, messages.parent_id, messages.number, branch.spent + messages.tokens + $3
    FROM branch JOIN messages ON messages.id = branch.parent_id WHERE branch.spent <= $2
)
SELECT messages.id, messages.parent_id, messages.number, role, content, tokens, encoding, status
FROM branch JOIN messages ON messages.id = branch.id ORDER BY branch.number DESC
"""
NEWEST_LEAF = """
WITH RECURSIVE down (id, number) AS (
    SELECT id, number FROM messages WHERE id = $2 AND conversation_id = $1
    UNION ALL
    SELECT (
        SELECT id FROM messages
        WHERE conversation_id = $1 AND number = down.number + 1 AND parent_id = down.id
        ORDER BY created_at DESC, id DESC LIMIT 1
    ), down.number + 1 FROM down WHERE down.id IS NOT NULL
)
SELECT id FROM down WHERE id IS NOT NULL ORDER BY number DESC LIMIT 1
"""
COLUMNS = list(Message.model_fields)
WRITE = f"""
INSERT INTO messages ({", ".join(COLUMNS)}) VALUES ({", ".join(f"${n}" for n in range(1, len(COLUMNS) + 1))})
"""
CHECKPOINT = "UPDATE messages SET content = $2, model = COALESCE($3, model) WHERE id = $1 AND status = 'streaming'"
# Of a part that cost nothing there is no usage, and what is known of the parts before it stays.
FINISH = """
UPDATE messages SET content = $2, tokens = $3, encoding = $4, status = $5, model = COALESCE($6, model),
                    finish_reason = $7, usage = COALESCE($8, usage)
WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """As it is first written. A record of the table costs as much to make as to write, and a turn makes two."""

    id: str
    conversation_id: str
    parent_id: str | None
    number: int
    role: str
    status: str
    tokens: int
    created_at: datetime
    content: str
    encoding: str | None = None
    model: str | None = None
    finish_reason: None = None
    usage: None = None


class UnknownMessage(NotFound):
    """There is none of that id in that conversation."""


async def find(session: Session, conversation_id: str, message_id: str) -> Message:
    sql = "SELECT * FROM messages WHERE id = $1 AND conversation_id = $2"
    message = await session.one(Message, sql, message_id, conversation_id)
    if message is None:
        raise UnknownMessage
    return message


async def branch_up(session: Session, message_id: str, tokens_max: int, overhead: int) -> list[Row]:
    """The message and its ancestors, newest first, up to the one with which Σ(tokens + overhead) exceeds `tokens_max`.

    That one is still given, so whoever asked can see that there was more.
    """
    return await session.rows(BRANCH_UP, message_id, tokens_max, overhead)


async def page(session: Session, tip_id: str | None, *, after: int, limit: int) -> list[Row]:
    """Of the branch that ends in the tip, oldest first, those with a number beyond `after`."""
    return await session.rows(PAGE, tip_id, after, limit) if tip_id else []


async def page_back(session: Session, last_id: str | None, *, limit: int) -> list[Row]:
    """This message and those before it, newest first."""
    return await session.rows(PAGE_BACK, last_id, limit) if last_id else []


async def siblings(session: Session, conversation_id: str, found: list[Row]) -> dict[str, list[str]]:
    """For each of these, which follow each other on one branch: the ids with the same parent, oldest first."""
    alike: dict[str, list[str]] = {row["id"]: [] for row in found}
    if found:
        first, last = sorted((found[0], found[-1]), key=lambda row: int(row["number"]))
        for row in await session.rows(SIBLINGS, last["id"], first["number"] - 1, conversation_id):
            alike[row["of"]].append(row["id"])
    return alike


async def whole_tree(session: Session, conversation_id: str, *, after: tuple[int, str], limit: int) -> list[Row]:
    """Every branch; parents come before their children."""
    return await session.rows(
        """SELECT * FROM messages WHERE conversation_id = $1 AND (number, id) > ($2, $3)
           ORDER BY number, id LIMIT $4""",
        *(conversation_id, *after, limit),
    )


async def newest_leaf(session: Session, conversation_id: str, message_id: str) -> str:
    """The end of the branch that goes through this message, by its newest child each time."""
    row = await session.row(NEWEST_LEAF, conversation_id, message_id)
    if row is None:
        raise UnknownMessage
    return str(row["id"])


async def write(session: Session, message: Message | NewMessage) -> None:
    await session.run(WRITE, *[getattr(message, column) for column in COLUMNS])
    if message.status != "streaming":
        await search.remember_message(session, message.id, message.content)


async def checkpoint(session: Session, message_id: str, content: str, model: str | None = None) -> None:
    """What came so far and from whom, for whoever picks up after a crash. The index is not touched."""
    await session.run(CHECKPOINT, message_id, content, model)


async def finish(
    session: Session,
    message_id: str,
    *,
    content: str,
    tokens: int,
    encoding: str,
    status: str,
    model: str | None,
    finish_reason: str | None,
    usage: str | None,
) -> bool:
    """False when the message is gone, with its conversation."""
    values = (content, tokens, encoding, status, model, finish_reason, usage)
    if not await session.run(FINISH, message_id, *values):
        return False
    if status != "streaming":
        await search.remember_message(session, message_id, content)
    return True


async def reopen(session: Session, message_id: str) -> None:
    """A reply that is carried on streams again; the index keeps what it knew until that ends too."""
    await session.run("UPDATE messages SET status = 'streaming' WHERE id = $1", message_id)
