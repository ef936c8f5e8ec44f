"""Orders that are there without Stripe having been asked, for tests that are about whose they are."""

from __future__ import annotations

from app.billing import orders, packages
from app.billing.tables import Order
from app.ids import new_id
from app.services import Services


async def stock(services: Services) -> None:
    async with services.db.begin() as session:
        await packages.put(session, packages.read(packages.OURS), services.clock.now(), change=False)


async def ordered(services: Services, user_id: str, package_id: str = "starter") -> Order:
    """A new one, paid for by nobody; one that was open before is over."""
    await stock(services)
    now, mode = services.clock.now(), services.shop.gateway.mode
    async with services.db.begin() as session:
        package = await packages.find(session, package_id)
        before = await orders.standing(session, user_id, mode, package)
        if before:
            await orders.move(session, before, "expired", now)
        order = await orders.begin(session, user_id, mode, package, now)
        assert order is not None
        await orders.keep_session(session, order.id, new_id("cs"), now)
        kept = await orders.find(session, order.id)
    assert kept is not None
    return kept
