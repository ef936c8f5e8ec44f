from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.db import UtcTime

KINDS = ("welcome", "purchase", "subscription", "usage", "refund", "dispute", "adjustment", "debt")


class LedgerAccount(SQLModel, table=True):
    __tablename__ = "ledger_accounts"
    __table_args__ = (
        CheckConstraint("held >= 0"),
        CheckConstraint("balance >= held"),
        CheckConstraint("owed >= 0"),
        CheckConstraint("sequence >= 0"),
        Index(
            "ix_ledger_accounts_held",
            "user_id",
            sqlite_where=text("held > 0"),
            postgresql_where=text("held > 0"),
        ),
    )

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    balance: int = Field(sa_type=BigInteger)
    held: int = Field(sa_type=BigInteger)
    owed: int = Field(sa_type=BigInteger)
    sequence: int = Field(sa_type=BigInteger)
    last_hash: str


class LedgerEntry(SQLModel, table=True):
    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint(f"kind IN ({', '.join(repr(kind) for kind in KINDS)})"),
        CheckConstraint("tokens <> 0"),
        CheckConstraint("balance_after >= 0"),
        UniqueConstraint("user_id", "sequence"),
        UniqueConstraint("kind", "reference"),
        Index("ix_ledger_entries_created_at", "user_id", "created_at"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="ledger_accounts.user_id")
    sequence: int = Field(sa_type=BigInteger)
    kind: str
    tokens: int = Field(sa_type=BigInteger)
    balance_after: int = Field(sa_type=BigInteger)
    reference: str
    created_at: datetime = Field(sa_type=UtcTime)
    hash: str


class LedgerDebt(SQLModel, table=True):
    __tablename__ = "ledger_debts"
    __table_args__ = (CheckConstraint("tokens > 0"), Index("ix_ledger_debts_user_id", "user_id"))

    kind: str = Field(primary_key=True)
    reference: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="ledger_accounts.user_id")
    tokens: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcTime)


class Hold(SQLModel, table=True):
    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("tokens > 0"),
        CheckConstraint("prompt_tokens >= 0"),
        CheckConstraint("max_tokens >= 0"),
        CheckConstraint("input_rate >= 0"),
        CheckConstraint("output_rate >= 0"),
        Index("ix_holds_user_id", "user_id", "created_at", "id"),
        Index("ix_holds_message_id", "message_id"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="ledger_accounts.user_id")
    tokens: int = Field(sa_type=BigInteger)
    prompt_tokens: int = Field(sa_type=BigInteger)
    max_tokens: int = Field(sa_type=BigInteger)
    input_rate: int = Field(sa_type=BigInteger)
    output_rate: int = Field(sa_type=BigInteger)
    model: str
    conversation_id: str | None = None
    message_id: str | None = None
    created_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)


class HoldResolution(SQLModel, table=True):
    __tablename__ = "hold_resolutions"
    __table_args__ = (
        CheckConstraint("outcome IN ('settled', 'released', 'expired')"),
        CheckConstraint("prompt_tokens >= 0"),
        CheckConstraint("completion_tokens >= 0"),
        CheckConstraint("charged >= 0"),
        CheckConstraint("surplus >= 0"),
    )

    hold_id: str = Field(primary_key=True, foreign_key="holds.id")
    user_id: str
    outcome: str
    prompt_tokens: int = Field(sa_type=BigInteger)
    completion_tokens: int = Field(sa_type=BigInteger)
    counted_by: str
    charged: int = Field(sa_type=BigInteger)
    surplus: int = Field(sa_type=BigInteger)
    balance_after: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcTime)
    answered_by: str | None = None
    input_rate: int | None = Field(None, sa_type=BigInteger)
    output_rate: int | None = Field(None, sa_type=BigInteger)
