"""How the parts of an export look that are not shown like this anywhere else."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from app.accounts.shapes import SessionOut
from app.conversations.shapes import ExportOut
from app.edge.shapes import Out


class ProfileOut(Out):
    id: str
    email: str
    name: str
    role: str
    balance: int
    held: int
    owed: int
    created_at: datetime
    updated_at: datetime


class BookedOut(Out):
    id: str
    sequence: int
    kind: str
    tokens: int
    balance_after: int
    reference: str
    created_at: datetime
    hash: str


class UsedOut(Out):
    id: str
    conversation_id: str | None
    message_id: str | None
    model: str
    prompt_tokens: int
    completion_tokens: int
    charged: int
    balance_after: int
    created_at: datetime


class BoughtOut(Out):
    id: str
    package_id: str
    name: str
    kind: str
    state: str
    tokens: int
    price_cents: int = Field(description="In the smallest unit of `currency`")
    currency: str
    mode: str = Field(description="`sandbox` and `test` moved no money")
    tokens_granted: int
    tokens_returned: int
    cents_returned: int
    created_at: datetime
    paid_at: datetime | None


class SubscribedOut(Out):
    id: str
    order_id: str
    status: str
    period_ends_at: datetime | None
    cancels_at: datetime | None
    ended_at: datetime | None
    created_at: datetime


class EverythingOut(Out):
    exported_at: datetime
    profile: ProfileOut
    sessions: list[SessionOut]
    orders: list[BoughtOut]
    plan: SubscribedOut | None
    statement: list[BookedOut] = Field(description="Oldest first; each hash covers the one before it")
    usage: list[UsedOut] = Field(description="What replies cost, newest first")
    conversations: list[ExportOut] = Field(description="Every branch of each")
