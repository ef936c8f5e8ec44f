from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, Identity, Index, Integer, Table, event, text
from sqlmodel import Field, SQLModel

from app.db import UtcTime

STATUSES = ("complete", "streaming", "stopped", "failed", "interrupted")


class Conversation(SQLModel, table=True):
    __tablename__ = "conversations"
    __table_args__ = (
        CheckConstraint("titled_by IN ('words', 'model', 'owner')"),
        Index("ix_conversations_user_id", "user_id", "updated_at", "id"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    title: str
    titled_by: str
    current_message_id: str | None = None
    created_at: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)


class ConversationDeletion(SQLModel, table=True):
    __tablename__ = "conversation_deletions"
    __table_args__ = (Index("ix_conversation_deletions_user_id", "user_id", "deleted_at", "conversation_id"),)

    conversation_id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    deleted_at: datetime = Field(sa_type=UtcTime)


class Message(SQLModel, table=True):
    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint("number >= 1"),
        CheckConstraint("role IN ('user', 'assistant')"),
        CheckConstraint(f"status IN ({', '.join(repr(status) for status in STATUSES)})"),
        CheckConstraint("tokens >= 0"),
        Index("ix_messages_conversation_id", "conversation_id", "number", "id"),
    )

    id: str = Field(primary_key=True)
    conversation_id: str = Field(foreign_key="conversations.id", ondelete="CASCADE")
    parent_id: str | None = None
    number: int
    role: str
    status: str
    tokens: int = Field(sa_type=BigInteger)
    encoding: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: str | None = None
    created_at: datetime = Field(sa_type=UtcTime)
    content: str


class SearchEntry(SQLModel, table=True):
    __tablename__ = "search_entries"
    __table_args__ = (
        Index("ix_search_entries_conversation_id", "conversation_id"),
        Index(
            "ix_search_entries_words",
            text("array_to_tsvector(string_to_array(words, ' '))"),
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ).ddl_if(dialect="postgresql"),
    )

    number: int = Field(sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), Identity(), primary_key=True))
    source_id: str = Field(unique=True)
    conversation_id: str = Field(foreign_key="conversations.id", ondelete="CASCADE")
    words: str


OWNED = """
    ALTER TABLE search_entries ADD COLUMN owned VARCHAR GENERATED ALWAYS AS (
        replace(substr(words, instr(words, ' ')), ' ', ' ' || substr(words, 1, instr(words, ' ') - 1) || '_')
    ) VIRTUAL
"""
INDEX = """
    CREATE VIRTUAL TABLE search USING fts5 (
        owned, content = 'search_entries', content_rowid = 'number', detail = none, columnsize = 0,
        tokenize = "ascii tokenchars '_'"
    )
"""


@event.listens_for(SQLModel.metadata.tables["search_entries"], "after_create")
def _index_words(_table: Table, connection: Connection, **_: Any) -> None:
    """What only SQLite has is more than a model can say."""
    if connection.dialect.name == "sqlite":
        for statement in (OWNED, INDEX):
            connection.execute(text(statement))
