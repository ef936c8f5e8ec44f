"""Tokens that come in for a payment: one grant a session or invoice, in the transaction of its ledger entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.billing.tables import Grant, Order
from app.billing.till import Mode
from app.db import Session
from app.ledger import ledger

Kind = Literal["purchase", "subscription"]


@dataclass(frozen=True)
class Payment:
    """`reference` is the session or the invoice; `cents` is all that was paid, of which refunds are parts."""

    reference: str
    kind: Kind
    cents: int
    currency: str
    payment_intent: str | None


async def give(session: Session, order: Order, payment: Payment, now: datetime) -> bool:
    """Once, however often and by whomever it is called."""
    written = await session.run(
        WRITE,
        *(payment.reference, payment.kind, order.id, order.user_id, order.tokens, payment.cents, payment.currency),
        *(payment.payment_intent, now),
    )
    if written:
        await ledger.credit(session, order.user_id, order.tokens, kind=payment.kind, reference=payment.reference)
    return bool(written)


async def take(session: Session, payment_intent: str) -> Grant | None:
    """With the row locked: what is returned of one grant happens in order."""
    sql = "UPDATE order_grants SET cents_returned = cents_returned WHERE payment_intent = $1 RETURNING *"
    return await session.one(Grant, sql, payment_intent)


async def take_by_reference(session: Session, reference: str) -> Grant:
    sql = "UPDATE order_grants SET cents_returned = cents_returned WHERE reference = $1 RETURNING *"
    found = await session.one(Grant, sql, reference)
    assert found is not None, "a return names its grant, and grants stay"
    return found


async def find(session: Session, reference: str) -> Grant:
    found = await session.one(Grant, "SELECT * FROM order_grants WHERE reference = $1", reference)
    assert found is not None, "a return names its grant, and grants stay"
    return found


async def is_there(session: Session, payment_intent: str) -> bool:
    sql = "SELECT 1 AS found FROM order_grants WHERE payment_intent = $1"
    return await session.row(sql, payment_intent) is not None


async def of_order(session: Session, order_id: str) -> list[Grant]:
    """Newest first."""
    sql = "SELECT * FROM order_grants WHERE order_id = $1 ORDER BY created_at DESC, reference DESC"
    return await session.all(Grant, sql, order_id)


async def of_user(session: Session, user_id: str) -> list[Grant]:
    return await session.all(Grant, "SELECT * FROM order_grants WHERE user_id = $1", user_id)


async def of_mode(session: Session, mode: Mode, since: datetime) -> list[Grant]:
    sql = """SELECT order_grants.* FROM order_grants JOIN orders ON orders.id = order_id
             WHERE mode = $1 AND order_grants.created_at >= $2 ORDER BY reference"""
    return await session.all(Grant, sql, mode, since)


async def missing(session: Session) -> list[str]:
    """Entries of the ledger that say they were paid for, and are no grant's."""
    sql = """SELECT ledger_entries.reference FROM ledger_entries
             LEFT JOIN order_grants ON order_grants.reference = ledger_entries.reference
                                   AND order_grants.kind = ledger_entries.kind
             WHERE ledger_entries.kind IN ('purchase', 'subscription') AND order_grants.reference IS NULL"""
    return [row["reference"] for row in await session.rows(sql)]


async def after_closing(session: Session, mode: Mode, since: datetime) -> list[str]:
    """Orders with a grant that came when nobody could use it any more, and that is not given back."""
    sql = """SELECT DISTINCT order_id FROM order_grants
             JOIN orders ON orders.id = order_id JOIN users ON users.id = order_grants.user_id
             WHERE mode = $1 AND order_grants.created_at >= $2 AND order_grants.created_at > users.disabled_at
               AND cents_returned < paid_cents ORDER BY order_id"""
    return [row["order_id"] for row in await session.rows(sql, mode, since)]


WRITE = """
INSERT INTO order_grants (reference, kind, order_id, user_id, tokens, paid_cents, currency, payment_intent,
                          tokens_returned, cents_returned, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9) ON CONFLICT (reference) DO NOTHING
"""
