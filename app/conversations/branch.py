"""The current branch in pages, from its beginning or from its end."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.conversations import messages
from app.conversations.messages import UnknownMessage
from app.conversations.tables import Conversation
from app.db import Row, Session
from app.edge.paging import Page
from app.errors import Invalid

NUMBER_DIGITS_MAX = 9


class BranchQuery(Page):
    order: Literal["oldest", "newest"] = Field(
        "oldest", description="What comes first; with `newest` the pages lead back from the end of the branch"
    )


async def page(session: Session, within: Conversation, query: BranchQuery) -> list[Row]:
    """One more than the page holds, from where the page before ended."""
    shown = query.after[1] if query.after else None
    if query.order == "oldest":
        return await messages.page(session, within.current_message_id, after=_number(shown), limit=query.limit + 1)
    last_id = await _above(session, within.id, shown) if shown else within.current_message_id
    return await messages.page_back(session, last_id, limit=query.limit + 1)


def place(row: Row, query: BranchQuery) -> str:
    return str(row["number"]) if query.order == "oldest" else row["id"]


def _number(shown: str | None) -> int:
    if shown and (not shown.isdecimal() or len(shown) > NUMBER_DIGITS_MAX):
        raise _not_ours()
    return int(shown or 0)


async def _above(session: Session, conversation_id: str, shown: str) -> str | None:
    try:
        return (await messages.find(session, conversation_id, shown)).parent_id
    except UnknownMessage:
        raise _not_ours() from None


def _not_ours() -> Invalid:
    """A cursor of another list, or of the other order."""
    return Invalid.field("cursor", "This is not a cursor that we gave out.")
