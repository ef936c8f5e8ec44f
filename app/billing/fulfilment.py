"""The one way to get what was paid for. Called by webhooks, the return page and reconcile alike, as often as they like.

Each reads the session or invoice from Stripe first, and then does its work in one transaction.
"""

from __future__ import annotations

from functools import partial

from app.accounts import accounts
from app.billing import grants, orders, refunds, subscriptions
from app.billing.gateway import Unknown
from app.billing.grants import Payment
from app.billing.records import GRANTED_FOR, Invoice, Session
from app.billing.shop import Shop
from app.billing.tables import Order
from app.db import Session as Transaction
from app.errors import NotFound
from app.observability import logs

log = logs.get("prome.billing")


class Unmatched(LookupError):
    """Stripe tells of something that no order of ours knows. Somebody has to look at it."""


async def fulfil(shop: Shop, session_id: str) -> Order:
    """The order as it is afterwards."""
    return await _take(shop, await shop.gateway.session(session_id))


async def follow(shop: Shop, order: Order) -> Order:
    """The order as its session has it. What Stripe does not know can be paid by nobody, so it is over."""
    assert order.session_id is not None, "only what has a page can have been paid"
    try:
        found = await shop.gateway.session(order.session_id)
    except Unknown:
        log.warning("session_unknown", order=order.id, session=order.session_id)
        return await shop.db.transact(partial(_expire, shop, order))
    return await _take(shop, found)


async def _take(shop: Shop, found: Session) -> Order:
    order = await shop.db.transact(partial(_fulfil, shop, found))
    if found.was_refunded and found.payment_intent:
        await refunds.settle(shop, found.payment_intent)
    if found.subscription_id:
        await subscriptions.look(shop, found.subscription_id)
    if found.invoice_id:
        await fulfil_invoice(shop, found.invoice_id)
    return order


async def complete(shop: Shop, user_id: str, session_id: str) -> Order:
    """For whoever comes back from paying: only for a session of an order of theirs.

    One that was given up may have been paid all the same, so Stripe is asked about it as well.
    """
    async with shop.db.read() as session:
        order = await orders.by_session(session, session_id)
    if order is None or order.user_id != user_id:
        raise NotFound
    if order.state in ("paid", "ended") or order.mode != shop.gateway.mode:
        return order
    return await follow(shop, order)


async def fulfil_invoice(shop: Shop, invoice_id: str) -> bool:
    """The tokens of one month of a plan. A part of a month, and whatever else an invoice may be for, grants none."""
    found = await shop.gateway.invoice(invoice_id)
    if found.status != "paid" or found.reason not in GRANTED_FOR or found.subscription_id is None:
        return False
    granted = await shop.db.transact(partial(_fulfil_invoice, shop, found))
    if granted and found.payment_intent:
        await refunds.settle(shop, found.payment_intent)
    return granted


async def _fulfil(shop: Shop, found: Session, session: Transaction) -> Order:
    order = await orders.find(session, found.order_id) or await orders.by_session(session, found.id)
    if order is None:
        raise Unmatched(found.id)
    now = shop.clock.now()
    await orders.keep_session(session, order.id, found.id, now)
    if _is_paid(order, found):
        if fits(shop, order, found):
            await _give(session, shop, order, found)
        else:
            await _turn_down(session, shop, order, found)
    elif found.status == "complete":
        await orders.move(session, order, "failed" if found.payment_failed else "pending", now)
    elif found.status == "expired":
        await orders.move(session, order, "expired", now)
    kept = await orders.find(session, order.id)
    assert kept is not None
    return kept


async def _expire(shop: Shop, order: Order, session: Transaction) -> Order:
    await orders.move(session, order, "expired", shop.clock.now())
    kept = await orders.find(session, order.id)
    assert kept is not None
    return kept


async def _give(session: Transaction, shop: Shop, order: Order, found: Session) -> None:
    """A plan's session only says that there is a plan; its tokens come with its invoices, the first one as well."""
    now = shop.clock.now()
    if order.kind == "once":
        payment = Payment(found.id, "purchase", found.total_cents, found.currency, found.payment_intent)
        await _grant(session, shop, order, payment)
    await orders.move(session, order, "paid", now)


async def _turn_down(session: Transaction, shop: Shop, order: Order, found: Session) -> None:
    """Paid, and not for what we asked: somebody has to give the money back, and the buyer may begin anew meanwhile.

    Of an order that is closed already, reconcile speaks.
    """
    is_its_own = order.session_id in (None, found.id) and order.mode == shop.gateway.mode
    if not is_its_own or await orders.move(session, order, "failed", shop.clock.now()):
        tell_misfit(shop, order, found)


async def _fulfil_invoice(shop: Shop, found: Invoice, session: Transaction) -> bool:
    order = await orders.find(session, found.order_id)
    order = order or await subscriptions.order_of(session, found.subscription_id or "")
    if order is None:
        raise Unmatched(found.id)
    plan = [line for line in found.lines if not line.is_proration and line.cents in (order.price_cents, 0)]
    if not plan or found.currency != order.currency or order.kind != "month" or not _same_till(shop, order, found):
        shop.alerts.tell("invoice_does_not_fit", order=order.id, invoice=found.id)
        return False
    now = shop.clock.now()
    payment = Payment(found.id, "subscription", found.paid_cents, found.currency, found.payment_intent)
    granted = await _grant(session, shop, order, payment)
    await orders.move(session, order, "paid", now)
    return granted


async def _grant(session: Transaction, shop: Shop, order: Order, payment: Payment) -> bool:
    """Also to an account that is closed: the books tell what happened, and a refund finds what it is of."""
    if not await grants.give(session, order, payment, shop.clock.now()):
        return False
    log.info("order_paid", order=order.id, reference=payment.reference, tokens=order.tokens)
    if (await accounts.by_id(session, order.user_id)).disabled_at:
        shop.alerts.tell("paid_for_closed_account", order=order.id, reference=payment.reference)
    return True


def _is_paid(order: Order, found: Session) -> bool:
    """A session can be complete long before a bank has paid, and for nothing only if that is our price."""
    if found.status != "complete":
        return False
    return found.payment_status == "paid" or (found.payment_status == "no_payment_required" and not order.price_cents)


def fits(shop: Shop, order: Order, found: Session) -> bool:
    """Taxes and discounts change the total, so it is the sum before them that has to be ours."""
    return (
        (found.subtotal_cents, found.currency) == (order.price_cents, order.currency)
        and found.mode == ("subscription" if order.kind == "month" else "payment")
        and order.session_id in (None, found.id)
        and _same_till(shop, order, found)
    )


def tell_misfit(shop: Shop, order: Order, found: Session) -> None:
    shop.alerts.tell("session_does_not_fit", order=order.id, session=found.id, cents=found.subtotal_cents,
                     currency=found.currency, paid=found.payment_status == "paid")  # fmt: skip


def _same_till(shop: Shop, order: Order, found: Session | Invoice) -> bool:
    return order.mode == shop.gateway.mode and found.livemode == (order.mode == "live")
