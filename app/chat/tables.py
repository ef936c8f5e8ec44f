from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.db import UtcTime

STATES = ("running", "done", "stopped", "failed", "interrupted")
RUNNING = text("state = 'running'")
TO_STOP = text("state = 'running' AND stop_asked_at IS NOT NULL")


class TurnRow(SQLModel, table=True):
    __tablename__ = "turns"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})"),
        CheckConstraint("content_from >= 0"),
        Index(
            "ix_turns_one_per_conversation",
            "conversation_id",
            unique=True,
            sqlite_where=RUNNING,
            postgresql_where=RUNNING,
        ),
        Index("ix_turns_running", "user_id", "started_at", "id", sqlite_where=RUNNING, postgresql_where=RUNNING),
        Index("ix_turns_message_id", "message_id"),
        Index("ix_turns_to_stop", "worker", sqlite_where=TO_STOP, postgresql_where=TO_STOP),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    conversation_id: str
    message_id: str
    hold_id: str = Field(foreign_key="holds.id")
    worker: str
    model: str
    state: str
    meta: str
    content_from: int = Field(sa_type=BigInteger)
    lengths: str
    finish_reason: str | None = None
    usage: str | None = None
    error: str | None = None
    # Only servers of an older version read it.
    end_id: int | None = Field(None, sa_type=BigInteger)
    told_ends: str | None = None
    read_at: datetime | None = Field(None, sa_type=UtcTime)
    collapsed_at: datetime | None = Field(None, sa_type=UtcTime)
    cost_micro_usd: int | None = Field(None, sa_type=BigInteger)
    started_at: datetime = Field(sa_type=UtcTime)
    ended_at: datetime | None = Field(None, sa_type=UtcTime)
    stop_asked_at: datetime | None = Field(None, sa_type=UtcTime)


class Worker(SQLModel, table=True):
    __tablename__ = "workers"

    id: str = Field(primary_key=True)
    seen_at: datetime = Field(sa_type=UtcTime)
