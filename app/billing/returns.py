"""Tokens that go back when money does, in proportion and never more than came."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from app.billing import orders
from app.billing.tables import Grant, Return
from app.billing.till import Mode
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
    """How many tokens go with so much money, all that ever goes taken together."""
    return grant.tokens * min(cents, grant.paid_cents) // grant.paid_cents if grant.paid_cents else 0


async def take_back(session: Session, grant: Grant, noted: Return, now: datetime) -> int:
    """Writes it down, or that it stands now, and takes the tokens; those that are spent are owed.

    Answers with how many of them could not be had.
    """
    await session.run(WRITE, *noted.model_dump().values())
    due = await _balance(session, grant, now)
    noted.tokens = max(due, 0)
    await session.run("UPDATE order_returns SET tokens = $2 WHERE id = $1", noted.id, noted.tokens)
    if not noted.tokens:
        return 0
    reference = _reference(noted)
    taken = await ledger.debit(session, grant.user_id, noted.tokens, kind=noted.kind, reference=reference)
    return noted.tokens - taken


async def put_back(session: Session, grant: Grant, noted: Return, now: datetime) -> None:
    """The money did not go after all. Tokens that another return stands for stay away."""
    noted.state, noted.updated_at = "put_back", now
    await session.run(WRITE, *noted.model_dump().values())
    due = await _balance(session, grant, now)
    if due < 0:
        reference = f"{_reference(noted)}:back"
        await ledger.credit(session, grant.user_id, -due, kind=noted.kind, reference=reference)


async def confirm(session: Session, noted: Return, stripe_id: str, now: datetime) -> None:
    sql = "UPDATE order_returns SET state = 'taken', stripe_id = $2, updated_at = $3 WHERE id = $1"
    await session.run(sql, noted.id, stripe_id, now)


def begin(grant: Grant, kind: Kind, state: str, now: datetime, *, cents: int = 0, asked_by: AskedBy = "stripe",
          stripe_id: str | None = None) -> Return:  # fmt: skip
    return Return(
        id=new_id("ret"), grant_reference=grant.reference, kind=kind, asked_by=asked_by, stripe_id=stripe_id,
        cents=cents, tokens=0, state=state, created_at=now, updated_at=now,
    )  # fmt: skip


async def asked(session: Session, mode: Mode, before: datetime) -> list[Return]:
    """Refunds of ours for which no answer of Stripe's was kept."""
    sql = """SELECT order_returns.* FROM order_returns
             JOIN order_grants ON order_grants.reference = grant_reference
             JOIN orders ON orders.id = order_id
             WHERE order_returns.state = 'asked' AND mode = $1 AND order_returns.created_at < $2
             ORDER BY order_returns.created_at"""
    return await session.all(Return, sql, mode, before)


async def of_grant(session: Session, reference: str) -> list[Return]:
    sql = "SELECT * FROM order_returns WHERE grant_reference = $1 ORDER BY created_at, id"
    return await session.all(Return, sql, reference)


def _reference(noted: Return) -> str:
    """What Stripe began is booked under its name, so that it is found there; what we began has only ours at first."""
    return noted.stripe_id if noted.asked_by == "stripe" and noted.stripe_id else noted.id


async def _balance(session: Session, grant: Grant, now: datetime) -> int:
    """Brings the grant to what its returns add up to. Answers with the tokens that have to go, or with less than zero.

    A refund and a dispute of the same money are more than was paid; so the sum counts, and not each for itself.
    """
    row = await session.row(STANDING, grant.reference)
    assert row is not None
    cents = min(int(row["cents"]), grant.paid_cents)
    tokens = share(grant, cents)
    await session.run(
        "UPDATE order_grants SET cents_returned = $2, tokens_returned = $3 WHERE reference = $1",
        *(grant.reference, cents, tokens),
    )
    await orders.touch(session, grant.order_id, grant.user_id, now)
    return tokens - grant.tokens_returned


WRITE = """
INSERT INTO order_returns (id, grant_reference, kind, asked_by, stripe_id, cents, tokens, state, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE SET cents = excluded.cents, state = excluded.state, updated_at = excluded.updated_at
"""
STANDING = """
SELECT COALESCE(SUM(cents), 0) AS cents FROM order_returns
WHERE grant_reference = $1 AND state IN ('asked', 'taken')
"""
