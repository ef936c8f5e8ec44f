"""Refunds that begin here: the tokens go first, so that they cannot be spent meanwhile, and then Stripe is asked.

Asking again is asking for the same refund. Whether it arrived is found out by reconcile, if it is not known at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from app.billing import grants, orders, refunds, returns, unspent
from app.billing.gateway import PaymentsFailed, Refused
from app.billing.returns import AskedBy
from app.billing.shop import Shop
from app.billing.tables import Grant, Order, Return
from app.db import LostRace, Session
from app.errors import AppError, NotFound
from app.observability import logs

log = logs.get("prome.billing")


class NotRefundable(AppError):
    status, code = 409, "not_refundable"
    message = "This purchase cannot be refunded here. Please write to us."


class NothingToRefund(AppError):
    status, code, message = 409, "nothing_to_refund", "All tokens of this purchase are spent."


async def refund_unused(shop: Shop, user_id: str, order_id: str) -> Return:
    """By the buyer: what is unspent, within `REFUND_DAYS`, once. A second time it is the same refund."""
    return await ask(shop, await shop.db.transact(partial(_take_unused, shop, user_id, order_id)))


async def refund_order(shop: Shop, order_id: str, tokens: int | None, *, everything: bool = False) -> Return:
    """By the operator: what is unspent, so many tokens, or all of it; what is spent already is then owed.

    Of a plan it is the newest month of which something is left.
    """
    return await ask(shop, await shop.db.transact(partial(_take_some, shop, order_id, tokens, everything)))


async def ask(shop: Shop, noted: Return) -> Return:
    """Gives the tokens back if Stripe says no. If it says nothing, it is asked again later."""
    if noted.state != "asked":
        return noted
    async with shop.db.read() as session:
        grant = await grants.find(session, noted.grant_reference)
    payment_intent = grant.payment_intent or ""
    try:
        refund = await shop.gateway.refund(payment_intent, noted.cents, noted.id)
        await refunds.book(shop, refund, payment_intent)
    except Refused:
        # Unless the same was asked before and only the answer was lost, nothing went.
        await refunds.settle(shop, payment_intent)
        if await shop.db.transact(partial(_put_back, noted, shop.clock.now())):
            raise
    except PaymentsFailed:
        log.warning("refund_unanswered", refund=noted.id)
    async with shop.db.read() as session:
        kept = await returns.find(session, noted.stripe_id or "", noted.id)
    assert kept is not None
    return kept


async def ask_again(shop: Shop, noted: Return) -> Return:
    """Much later, when Stripe has forgotten the key of the first call: it is asked what there is, first of all."""
    async with shop.db.read() as session:
        grant = await grants.find(session, noted.grant_reference)
    await refunds.settle(shop, grant.payment_intent or "")
    async with shop.db.read() as session:
        kept = await returns.find(session, "", noted.id)
    assert kept is not None
    return await ask(shop, kept)


def refundable_until(shop: Shop, order: Order) -> datetime | None:
    if order.kind != "once" or order.state != "paid" or order.paid_at is None:
        return None
    if shop.gateway.account is None or order.mode != shop.gateway.mode:
        return None
    return order.paid_at + timedelta(days=shop.settings.refund_days)


async def _take_unused(shop: Shop, user_id: str, order_id: str, session: Session) -> Return:
    order, now = await orders.find(session, order_id), shop.clock.now()
    if order is None or order.user_id != user_id:
        raise NotFound
    grant = await _newest_grant(session, order)
    before = await returns.of_grant(session, grant.reference)
    for noted in before:
        if noted.asked_by == "user" and noted.state != "put_back":
            return noted
    until = refundable_until(shop, order)
    if until is None or now > until or any(noted.kind == "dispute" and noted.state != "put_back" for noted in before):
        raise NotRefundable
    tokens = await unspent.tokens_of(session, grant)
    return await _take(session, grant, tokens, "user", now)


async def _take_some(shop: Shop, order_id: str, tokens: int | None, everything: bool, session: Session) -> Return:
    order = await orders.find(session, order_id)
    if order is None:
        raise NotFound(f"There is no order {order_id}.")
    if order.mode != shop.gateway.mode:
        raise NotRefundable(f"This order was paid with another key ({order.mode}) than the one that is set now.")
    granted = await grants.of_order(session, order.id)
    if not granted:
        raise NotRefundable("Nothing was paid for this order, or nobody has told us of it yet.")
    standing = [grant for grant in granted if grant.cents_returned < grant.paid_cents]
    if not standing:
        raise NothingToRefund("All that was paid for this order has been given back.")
    grant = await grants.take_by_reference(session, standing[0].reference)
    left = grant.tokens - grant.tokens_returned
    wanted = left if everything else min(left, tokens) if tokens else await unspent.tokens_of(session, grant)
    return await _take(session, grant, wanted, "operator", shop.clock.now())


async def _newest_grant(session: Session, order: Order) -> Grant:
    found = await grants.of_order(session, order.id)
    if not found:
        raise NotRefundable
    return await grants.take_by_reference(session, found[0].reference)


async def _take(session: Session, grant: Grant, tokens: int, asked_by: AskedBy, now: datetime) -> Return:
    cents = unspent.cents_of(grant, tokens)
    if cents <= 0 or grant.payment_intent is None:
        raise NothingToRefund
    noted = returns.begin(grant, "refund", "asked", now, cents=cents, asked_by=asked_by)
    missing = await returns.take_back(session, grant, noted, now)
    if asked_by == "user" and missing:
        # A reply began between looking and taking; nobody gets into debt by asking for their own money.
        raise LostRace
    return noted


async def _put_back(noted: Return, now: datetime, session: Session) -> bool:
    grant = await grants.take_by_reference(session, noted.grant_reference)
    kept = await returns.find(session, "", noted.id)
    if kept is None or kept.state != "asked":
        return False
    await returns.put_back(session, grant, kept, now)
    return True
