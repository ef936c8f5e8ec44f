"""An account that is given up: nothing more may be taken from its owner, and what is open at Stripe is closed.

Orders, grants and the ledger stay; and so does the way back of money, which needs nobody who is still here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.billing import checkout, customers, orders, subscriptions
from app.billing.gateway import Refused, Unknown
from app.billing.shop import Shop
from app.observability import logs

log = logs.get("prome.billing")


async def leave(shop: Shop, user_id: str) -> None:
    """Before the account is closed, and outside any transaction. Raises `PaymentsFailed` while Stripe is away.

    It may be called as often as one likes, and goes on where it broke off.
    """
    if shop.gateway.account is None:
        return
    mode = shop.gateway.mode
    async with shop.db.read() as session:
        customer_id = await customers.find(session, user_id, mode)
        unpaid = await orders.open_of(session, user_id, mode)
        plans = await subscriptions.standing(session, mode, user_id)
    for order in unpaid:
        with _unless_unknown(order.id):
            await checkout.put_aside(shop, order)
    if customer_id:
        with _unless_unknown(customer_id):
            await _close_all_of(shop, customer_id)
    for plan in plans:
        # Also one that ended a moment ago, if only Stripe knows that.
        with _unless_unknown(plan.id):
            await subscriptions.end(shop, plan.id)


async def _close_all_of(shop: Shop, customer_id: str) -> None:
    """What Stripe knows of, because we may not have heard of all of it: an answer may have been lost."""
    for opened in await shop.gateway.open_sessions_of(customer_id):
        # One that was paid meanwhile is granted like any other; its plan, if it is one, is there by now.
        with suppress(Refused):
            await shop.gateway.expire_session(opened.id)
    for subscription_id in await shop.gateway.subscriptions_of(customer_id):
        await subscriptions.end(shop, subscription_id)


@contextmanager
def _unless_unknown(what: str) -> Iterator[None]:
    """What Stripe no longer knows takes no more money; a key that is refused, on the other hand, says nothing."""
    try:
        yield
    except Unknown:
        log.warning("unknown_to_stripe", what=what)
