"""Tokens that go back when money does, in proportion and never more than came."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from app.billing import orders
from app.billing.tables import Grant, Return
from app.db import Session
from app.ids import new_id
from app.ledger import ledger

Kind = Literal["refund", "dispute"]
AskedBy = Literal["user", "operator", "stripe"]


async def find(session: Session, stripe_id: str, return_id: str = "") -> Return | None:
    """By Stripe's name for it, or by ours, which Stripe tells before we have been told its own."""
    return await session.one(
        Return, "SELECT * FROM order_returns WHERE stripe_id = $1 OR id = $2", stripe_id, return_id
    )


def share(grant: Grant, cents: int) -> int:
    """How many tokens go with that money, on top of what went already; counted from the whole, so parts add up."""
    if not grant.paid_cents:
        return 0
    due = grant.tokens * (grant.cents_returned + cents) // grant.paid_cents
    return max(0, due - grant.tokens_returned)


async def note(
    session: Session, grant: Grant, kind: Kind, state: str, now: datetime, *, stripe_id: str | None = None,
    asked_by: AskedBy = "stripe", cents: int = 0, tokens: int = 0
) -> Return:  # fmt: skip
    noted = Return(
        id=new_id("ret"), grant_reference=grant.reference, kind=kind, asked_by=asked_by, stripe_id=stripe_id,
        cents=cents, tokens=tokens, state=state, created_at=now, updated_at=now,
    )  # fmt: skip
    await session.add(noted)
    await orders.touch(session, grant.order_id, grant.user_id, now)
    return noted


async def take_back(session: Session, grant: Grant, noted: Return, now: datetime) -> int:
    """Moves the cents and tokens that are noted; what is not there any more is owed. Answers with what was there."""
    await _move(session, grant, noted.cents, noted.tokens)
    await orders.touch(session, grant.order_id, grant.user_id, now)
    if not noted.tokens:
        return 0
    return await ledger.debit(session, grant.user_id, noted.tokens, kind=noted.kind, reference=_reference(noted))


async def put_back(session: Session, grant: Grant, noted: Return, now: datetime) -> None:
    """The money did not go after all."""
    if noted.state in ("asked", "taken"):
        await _move(session, grant, -noted.cents, -noted.tokens)
        if noted.tokens:
            reference = f"{_reference(noted)}:back"
            await ledger.credit(session, grant.user_id, noted.tokens, kind=noted.kind, reference=reference)
    await become(session, noted, "put_back", now)
    await orders.touch(session, grant.order_id, grant.user_id, now)


async def become(session: Session, noted: Return, state: str, now: datetime, stripe_id: str | None = None) -> None:
    await session.run(
        """UPDATE order_returns SET state = $2, updated_at = $3, stripe_id = COALESCE(stripe_id, $4),
                                    cents = $5, tokens = $6 WHERE id = $1""",
        *(noted.id, state, now, stripe_id, noted.cents, noted.tokens),
    )


async def asked(session: Session, before: datetime) -> list[Return]:
    """Refunds of ours for which no answer of Stripe's was kept."""
    sql = "SELECT * FROM order_returns WHERE state = 'asked' AND created_at < $1 ORDER BY created_at"
    return await session.all(Return, sql, before)


async def of_grant(session: Session, reference: str) -> list[Return]:
    sql = "SELECT * FROM order_returns WHERE grant_reference = $1 ORDER BY created_at, id"
    return await session.all(Return, sql, reference)


def _reference(noted: Return) -> str:
    """What Stripe began is booked under its name, so that it is found there; what we began has only ours at first."""
    return noted.stripe_id if noted.asked_by == "stripe" and noted.stripe_id else noted.id


async def _move(session: Session, grant: Grant, cents: int, tokens: int) -> None:
    await session.run(
        """UPDATE order_grants SET cents_returned = cents_returned + $2, tokens_returned = tokens_returned + $3
           WHERE reference = $1""",
        *(grant.reference, cents, tokens),
    )
