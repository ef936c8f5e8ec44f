"""How a conversation and a message look from outside, in answers and in exports alike."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import Field

from app.db import Row
from app.edge.shapes import Out


class ConversationOut(Out):
    id: str
    user_id: str
    title: str
    current_message_id: str | None = Field(description="The end of the current branch")
    created_at: datetime
    updated_at: datetime


class SaidOut(Out):
    id: str
    conversation_id: str
    parent_id: str | None
    number: int = Field(description="Its place on its branch, from 1")
    role: Literal["user", "assistant"]
    content: str
    tokens: int
    status: Literal["complete", "streaming", "stopped", "failed", "interrupted"]
    model: str | None
    finish_reason: str | None
    usage: dict[str, Any] | None = Field(description="What the reply's `usage` event said")
    created_at: datetime


class MessageOut(SaidOut):
    siblings: list[str] = Field(description="The messages with the same parent, oldest first, this one included")


class ExportOut(Out):
    conversation: ConversationOut
    messages: list[SaidOut] = Field(description="Of every branch; parents before their children")


class HistoryConversation(ConversationOut):
    messages: list[MessageOut] = Field(description="Of the current branch, oldest first")


class HistoryOut(Out):
    conversations: list[HistoryConversation]
    next_cursor: str | None


def said(row: Row) -> SaidOut:
    return SaidOut.model_validate(_values(row))


def message(row: Row, siblings: list[str]) -> MessageOut:
    return MessageOut.model_validate({**_values(row), "siblings": siblings})


def _values(row: Row) -> dict[str, Any]:
    return {**dict(row), "usage": orjson.loads(row["usage"]) if row["usage"] else None}
