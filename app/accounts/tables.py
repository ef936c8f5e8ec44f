from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlmodel import Field, SQLModel

from app.db import UtcTime


class User(SQLModel, table=True):
    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('user', 'subscriber', 'admin')"),
        Index("ix_users_address_mark", "address_mark"),
    )

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    name: str
    password_hash: str
    role: str
    sessions_not_before: datetime = Field(sa_type=UtcTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcTime)
    created_at: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)
    address_mark: str | None = None


class SignIn(SQLModel, table=True):
    __tablename__ = "sign_ins"
    __table_args__ = (
        Index("ix_sign_ins_user_id", "user_id", "created_at", "id"),
        Index("ix_sign_ins_place", "user_id", "place"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    agent: str
    place: str
    created_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)


class PasswordReset(SQLModel, table=True):
    __tablename__ = "password_resets"
    __table_args__ = (Index("ix_password_resets_user_id", "user_id"),)

    token_hash: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    created_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcTime)


class Tries(SQLModel, table=True):
    __tablename__ = "tries"
    __table_args__ = (CheckConstraint("count >= 0"), Index("ix_tries_window_ends_at", "window_ends_at"))

    door: str = Field(primary_key=True)
    count: int = Field(sa_type=BigInteger)
    window_ends_at: datetime = Field(sa_type=UtcTime)
