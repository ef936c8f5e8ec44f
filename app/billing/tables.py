from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.db import UtcTime

OPEN = text("state = 'open'")
UNFINISHED = text("state IN ('open', 'pending')")
ONE_PLAN = text("kind = 'month' AND state IN ('open', 'pending', 'paid')")
BY_USER = text("asked_by = 'user' AND state <> 'put_back'")
UNSURE = text("state = 'asked'")
WAITING = text("state = 'new'")


class Package(SQLModel, table=True):
    __tablename__ = "packages"
    __table_args__ = (
        CheckConstraint("tokens > 0"),
        CheckConstraint("price_cents >= 0"),
        CheckConstraint("kind IN ('once', 'month')"),
    )

    id: str = Field(primary_key=True)
    name: str
    description: str
    tokens: int = Field(sa_type=BigInteger)
    price_cents: int = Field(sa_type=BigInteger)
    currency: str
    kind: str
    stripe_price_id: str | None = None
    retired_at: datetime | None = Field(None, sa_type=UtcTime)
    created_at: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)


class Customer(SQLModel, table=True):
    __tablename__ = "customers"
    __table_args__ = (CheckConstraint("mode IN ('sandbox', 'test', 'live')"),)

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    mode: str = Field(primary_key=True)
    stripe_id: str
    created_at: datetime = Field(sa_type=UtcTime)


class Order(SQLModel, table=True):
    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("mode IN ('sandbox', 'test', 'live')"),
        CheckConstraint("kind IN ('once', 'month')"),
        CheckConstraint("tokens > 0"),
        CheckConstraint("price_cents >= 0"),
        CheckConstraint("state IN ('open', 'pending', 'paid', 'failed', 'expired', 'ended')"),
        Index(
            "ix_orders_one_open",
            *("user_id", "mode", "package_id"),
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_orders_one_plan", "user_id", "mode", unique=True, sqlite_where=ONE_PLAN, postgresql_where=ONE_PLAN),
        Index("ix_orders_user_id", "user_id", "created_at", "id"),
        Index("ix_orders_unfinished", "mode", "created_at", sqlite_where=UNFINISHED, postgresql_where=UNFINISHED),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    mode: str
    package_id: str = Field(foreign_key="packages.id")
    kind: str
    name: str
    tokens: int = Field(sa_type=BigInteger)
    price_cents: int = Field(sa_type=BigInteger)
    currency: str
    stripe_price_id: str | None = None
    state: str
    session_id: str | None = Field(None, unique=True)
    created_at: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)
    paid_at: datetime | None = Field(None, sa_type=UtcTime)


class Plan(SQLModel, table=True):
    __tablename__ = "plans"
    __table_args__ = (Index("ix_plans_user_id", "user_id", "created_at", "id"),)

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id")
    user_id: str = Field(foreign_key="users.id")
    status: str
    period_ends_at: datetime | None = Field(None, sa_type=UtcTime)
    cancels_at: datetime | None = Field(None, sa_type=UtcTime)
    ended_at: datetime | None = Field(None, sa_type=UtcTime)
    read_at: datetime = Field(sa_type=UtcTime)
    created_at: datetime = Field(sa_type=UtcTime)


class Grant(SQLModel, table=True):
    __tablename__ = "order_grants"
    __table_args__ = (
        CheckConstraint("kind IN ('purchase', 'subscription')"),
        CheckConstraint("tokens > 0"),
        CheckConstraint("paid_cents >= 0"),
        CheckConstraint("tokens_returned >= 0 AND tokens_returned <= tokens"),
        CheckConstraint("cents_returned >= 0 AND cents_returned <= paid_cents"),
        Index("ix_order_grants_order_id", "order_id", "created_at", "reference"),
        Index("ix_order_grants_user_id", "user_id"),
        Index("ix_order_grants_payment_intent", "payment_intent"),
    )

    reference: str = Field(primary_key=True)
    kind: str
    order_id: str = Field(foreign_key="orders.id")
    user_id: str = Field(foreign_key="users.id")
    tokens: int = Field(sa_type=BigInteger)
    paid_cents: int = Field(sa_type=BigInteger)
    currency: str
    payment_intent: str | None = None
    tokens_returned: int = Field(sa_type=BigInteger)
    cents_returned: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcTime)


class Return(SQLModel, table=True):
    __tablename__ = "order_returns"
    __table_args__ = (
        CheckConstraint("kind IN ('refund', 'dispute')"),
        CheckConstraint("asked_by IN ('user', 'operator', 'stripe')"),
        CheckConstraint("cents >= 0"),
        CheckConstraint("tokens >= 0"),
        CheckConstraint("state IN ('flagged', 'asked', 'taken', 'put_back')"),
        Index("ix_order_returns_grant_reference", "grant_reference", "created_at", "id"),
        Index(
            "ix_order_returns_once",
            "grant_reference",
            unique=True,
            sqlite_where=BY_USER,
            postgresql_where=BY_USER,
        ),
        Index("ix_order_returns_asked", "created_at", sqlite_where=UNSURE, postgresql_where=UNSURE),
    )

    id: str = Field(primary_key=True)
    grant_reference: str = Field(foreign_key="order_grants.reference")
    kind: str
    asked_by: str
    stripe_id: str | None = Field(None, unique=True)
    cents: int = Field(sa_type=BigInteger)
    tokens: int = Field(sa_type=BigInteger)
    state: str
    created_at: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)


class StripeEvent(SQLModel, table=True):
    __tablename__ = "stripe_events"
    __table_args__ = (
        CheckConstraint("state IN ('new', 'done', 'ignored', 'unmatched', 'given_up')"),
        CheckConstraint("tries >= 0"),
        Index("ix_stripe_events_waiting", "next_try_at", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_stripe_events_received_at", "received_at"),
    )

    id: str = Field(primary_key=True)
    type: str
    api_version: str
    payload: str
    state: str
    tries: int = Field(sa_type=BigInteger)
    received_at: datetime = Field(sa_type=UtcTime)
    next_try_at: datetime = Field(sa_type=UtcTime)
    handled_at: datetime | None = Field(None, sa_type=UtcTime)
