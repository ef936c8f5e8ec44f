"""Who somebody is at Stripe: made once, before anything is bought, so that no event is ever about a stranger."""

from __future__ import annotations

from app.accounts import accounts
from app.billing.shop import Shop
from app.billing.subscriptions import NoPlan
from app.billing.tables import Customer, Order
from app.db import Session
from app.observability import logs

log = logs.get("prome.billing")


async def require(shop: Shop, order: Order) -> str:
    async with shop.db.read() as session:
        known = await find(session, order.user_id, order.mode)
        user = await accounts.by_id(session, order.user_id)
    if known:
        return known
    made = await shop.gateway.create_customer(user.email, user.id, key=f"customer-{order.id}")
    async with shop.db.begin() as session:
        customer = Customer(user_id=user.id, mode=order.mode, stripe_id=made, created_at=shop.clock.now())
        await session.run(KEEP, *customer.model_dump().values())
        kept = await find(session, order.user_id, order.mode)
    assert kept is not None
    return kept


async def portal(shop: Shop, user_id: str, asked_at: str) -> str:
    """What somebody does there comes back as events; the way back is always the same page."""
    mode = shop.gateway.mode
    async with shop.db.read() as session:
        known = await find(session, user_id, mode)
    if known is None:
        raise NoPlan
    return await shop.gateway.portal(known, shop.way_back(asked_at))


async def find(session: Session, user_id: str, mode: str) -> str | None:
    sql = "SELECT stripe_id FROM customers WHERE user_id = $1 AND mode = $2"
    found = await session.row(sql, user_id, mode)
    return found["stripe_id"] if found else None


async def forget(session: Session, user_id: str, mode: str) -> None:
    """Stripe no longer knows this one: deleted by hand, or of an account that was left."""
    await session.run("DELETE FROM customers WHERE user_id = $1 AND mode = $2", user_id, mode)
    log.warning("customer_forgotten", user_id=user_id, mode=mode)


KEEP = """
INSERT INTO customers (user_id, mode, stripe_id, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id, mode) DO NOTHING
"""
