"""Plans: a copy of what Stripe says about each, and who counts as a subscriber because of it.

Always read anew, never taken from an event, so that events may come in any order. What has ended stays ended.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from app.accounts import accounts
from app.billing import orders
from app.billing.gateway import Refused, Unknown
from app.billing.records import LIVE_STATUSES, PAID_STATUSES, Subscription
from app.billing.shop import Shop
from app.billing.tables import Order, Plan
from app.db import Row, Session
from app.errors import AppError
from app.observability import logs

log = logs.get("prome.billing")


class NoPlan(AppError):
    status, code, message = 409, "nothing_bought", "Nothing was bought with this account yet."


async def look(shop: Shop, subscription_id: str) -> Subscription:
    """Reads it and keeps what it says. Of two looks at once, the one that began later is kept."""
    found, never_paid = await _read(shop, subscription_id)
    # Stripe would go on asking for the first month of a plan that the buyer was told has failed.
    return await end(shop, subscription_id) if never_paid else found


async def follow(shop: Shop, plan: Plan) -> Subscription | None:
    """None when Stripe does not know it: then it takes no money from anybody, and is over here as well.

    One that somebody really pays for is not: more likely the key is of another account by mistake, and what has ended
    does not come back.
    """
    try:
        return await look(shop, plan.id)
    except Unknown:
        log.warning("plan_unknown", plan=plan.id, order=plan.order_id)
        if shop.gateway.mode == "live":
            raise
    now, order_id = shop.clock.now(), plan.order_id
    gone = Subscription(
        plan.id, "canceled", order_id, False, plan.period_ends_at, plan.cancels_at, now, latest_invoice=None
    )
    await shop.db.transact(partial(_keep, shop, gone, now))
    return None


async def end(shop: Shop, subscription_id: str) -> Subscription:
    """At once. What has ended already has ended."""
    refused = None
    try:
        await shop.gateway.end_subscription(subscription_id)
    except Refused as error:
        refused = error
    found, _ = await _read(shop, subscription_id)
    if refused and not found.is_over:
        raise refused
    return found


async def _read(shop: Shop, subscription_id: str) -> tuple[Subscription, bool]:
    """And whether it stands for an order that has failed, without being paid since."""
    began = shop.clock.now()
    found = await shop.gateway.subscription(subscription_id)
    order = await shop.db.transact(partial(_keep, shop, found, began))
    failed = order is not None and order.state == "failed"
    return found, failed and not found.is_over and found.status not in PAID_STATUSES


async def order_of(session: Session, subscription_id: str) -> Order | None:
    sql = "SELECT orders.* FROM orders JOIN plans ON plans.order_id = orders.id WHERE plans.id = $1"
    return await session.one(Order, sql, subscription_id)


async def of_user(session: Session, user_id: str) -> Plan | None:
    """The plan that stands, or the last one that did."""
    sql = "SELECT * FROM plans WHERE user_id = $1 ORDER BY (ended_at IS NULL) DESC, created_at DESC, id DESC LIMIT 1"
    return await session.one(Plan, sql, user_id)


async def standing(session: Session, mode: str, user_id: str | None = None) -> list[Plan]:
    """Everybody's, or those of one."""
    return await session.all(
        Plan,
        """SELECT plans.* FROM plans JOIN orders ON orders.id = plans.order_id
           WHERE plans.ended_at IS NULL AND orders.mode = $1 AND (plans.user_id = $2 OR $3 = '') ORDER BY plans.id""",
        *(mode, user_id or "", user_id or ""),
    )


async def of_orders_given_up(session: Session, mode: str) -> list[Row]:
    """Plans that go on though their order does not: it did not fit, or another plan had been begun by then."""
    sql = """SELECT plans.id, order_id, state FROM plans JOIN orders ON orders.id = order_id
             WHERE mode = $1 AND ended_at IS NULL AND cancels_at IS NULL AND state IN ('failed', 'expired')
               AND status IN ($2, $3, $4) ORDER BY plans.id"""
    return await session.rows(sql, mode, *sorted(LIVE_STATUSES))


async def of_closed_accounts(session: Session, mode: str) -> list[str]:
    """Plans that are to go on, of people who cannot come in any more."""
    sql = """SELECT plans.id FROM plans JOIN orders ON orders.id = order_id JOIN users ON users.id = plans.user_id
             WHERE mode = $1 AND ended_at IS NULL AND cancels_at IS NULL AND disabled_at IS NOT NULL
             ORDER BY plans.id"""
    return [row["id"] for row in await session.rows(sql, mode)]


async def _keep(shop: Shop, found: Subscription, began: datetime, session: Session) -> Order | None:
    order = await orders.find(session, found.order_id) or await order_of(session, found.id)
    if order is None or order.mode != shop.gateway.mode:
        shop.alerts.tell("plan_without_order", subscription=found.id)
        return None
    ended_at = (found.ended_at or began) if found.is_over else None
    await session.run(
        KEEP,
        *(found.id, order.id, order.user_id, found.status, found.period_ends_at, found.cancels_at, ended_at, began),
    )
    if found.is_over:
        await orders.move(session, order, "ended", began)
    live = await session.row(LIVE, order.user_id, order.mode, *sorted(LIVE_STATUSES))
    await accounts.set_subscriber(session, order.user_id, live is not None, began)
    await orders.touch(session, order.id, order.user_id, began)
    return order


KEEP = """
INSERT INTO plans (id, order_id, user_id, status, period_ends_at, cancels_at, ended_at, read_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, period_ends_at = excluded.period_ends_at,
    cancels_at = excluded.cancels_at, ended_at = excluded.ended_at, read_at = excluded.read_at
    WHERE plans.ended_at IS NULL AND plans.read_at <= excluded.read_at
"""
LIVE = """
SELECT 1 AS live FROM plans JOIN orders ON orders.id = plans.order_id
WHERE plans.user_id = $1 AND orders.mode = $2 AND plans.ended_at IS NULL AND plans.status IN ($3, $4, $5)
"""
