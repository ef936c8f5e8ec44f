"""Rows of orders: begun, found, moved on. A state only moves forward, whatever order the news comes in."""

from __future__ import annotations

from datetime import datetime

from app.billing.tables import Order, Package
from app.billing.till import Mode
from app.db import Session
from app.edge.paging import Page
from app.ids import new_id

# Paid is paid, whatever was thought before; a plan that is over does not come back, and one that failed never began.
FROM = {
    "pending": "('open')",
    "failed": "('open', 'pending')",
    "expired": "('open', 'pending')",
    "paid": "('open', 'pending', 'failed', 'expired')",
    "ended": "('open', 'pending', 'paid', 'expired')",
}


async def begin(session: Session, user_id: str, mode: Mode, package: Package, now: datetime) -> Order | None:
    """None: there is an open order for this already, or for a plan when this is one."""
    order = Order(
        id=new_id("ord"),
        user_id=user_id,
        mode=mode,
        package_id=package.id,
        state="open",
        created_at=now,
        updated_at=now,
        **package.model_dump(include={"kind", "name", "tokens", "price_cents", "currency", "stripe_price_id"}),
    )
    written = await session.run(
        """INSERT INTO orders (id, user_id, mode, package_id, kind, name, tokens, price_cents, currency,
                               stripe_price_id, state, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $11) ON CONFLICT DO NOTHING""",
        *(order.id, user_id, mode, package.id, order.kind, order.name, order.tokens, order.price_cents),
        *(order.currency, order.stripe_price_id, now),
    )
    return order if written else None


async def standing(session: Session, user_id: str, mode: Mode, package: Package) -> Order | None:
    """The order that another one for this package would be in the way of: an open one, or any plan that is not over."""
    return await session.one(
        Order,
        """SELECT * FROM orders WHERE user_id = $1 AND mode = $2
             AND ((state = 'open' AND package_id = $3)
                  OR (kind = 'month' AND $4 = 'month' AND state IN ('open', 'pending', 'paid')))
           ORDER BY created_at DESC, id DESC LIMIT 1""",
        *(user_id, mode, package.id, package.kind),
    )


async def keep_session(session: Session, order_id: str, session_id: str, now: datetime) -> None:
    await session.run(
        "UPDATE orders SET session_id = $2, updated_at = $3 WHERE id = $1 AND session_id IS NULL",
        *(order_id, session_id, now),
    )


async def move(session: Session, order: Order, state: str, now: datetime) -> bool:
    """False when the order was there already, or further on."""
    paid_at = now if state == "paid" else None
    # A plan that was given up may not come back beside one that was begun since.
    alone = NO_OTHER_PLAN if state == "paid" and order.kind == "month" else ""
    moved = await session.run(
        f"""UPDATE orders SET state = $2, updated_at = $3, paid_at = COALESCE(paid_at, $4)
            WHERE id = $1 AND state IN {FROM[state]} {alone}""",
        *(order.id, state, now, paid_at),
    )
    if moved:
        session.tell(order.user_id)
    return bool(moved)


async def close_unopened(session: Session, order: Order, state: str, now: datetime) -> bool:
    """False when it is not open any more, or has its session by now: then somebody may be at that page."""
    closed = await session.run(
        "UPDATE orders SET state = $2, updated_at = $3 WHERE id = $1 AND state = 'open' AND session_id IS NULL",
        *(order.id, state, now),
    )
    if closed:
        session.tell(order.user_id)
    return bool(closed)


async def touch(session: Session, order_id: str, user_id: str, now: datetime) -> None:
    """Something about it changed that is not its state; open tabs shall hear of it."""
    await session.run("UPDATE orders SET updated_at = $2 WHERE id = $1", order_id, now)
    session.tell(user_id)


async def find(session: Session, order_id: str) -> Order | None:
    return await session.one(Order, "SELECT * FROM orders WHERE id = $1", order_id)


async def by_session(session: Session, session_id: str) -> Order | None:
    return await session.one(Order, "SELECT * FROM orders WHERE session_id = $1", session_id)


async def of_user(session: Session, user_id: str, page: Page, before: datetime) -> list[Order]:
    """Newest first, one more than the page holds."""
    at, identifier = page.after or (before, "")
    return await session.all(
        Order,
        """SELECT * FROM orders WHERE user_id = $1 AND (created_at, id) < ($2, $3)
           ORDER BY created_at DESC, id DESC LIMIT $4""",
        *(user_id, at, identifier, page.limit + 1),
    )


async def open_of(session: Session, user_id: str, mode: Mode) -> list[Order]:
    sql = "SELECT * FROM orders WHERE user_id = $1 AND mode = $2 AND state = 'open' ORDER BY created_at, id"
    return await session.all(Order, sql, user_id, mode)


async def any_of(session: Session, mode: Mode) -> bool:
    return await session.row("SELECT 1 AS found FROM orders WHERE mode = $1 LIMIT 1", mode) is not None


async def unfinished(session: Session, mode: Mode, before: datetime) -> list[Order]:
    sql = (
        "SELECT * FROM orders WHERE mode = $1 AND created_at < $2 AND state IN ('open', 'pending') ORDER BY created_at"
    )
    return await session.all(Order, sql, mode, before)


NO_OTHER_PLAN = """
AND NOT EXISTS (SELECT 1 FROM orders AS other WHERE other.user_id = orders.user_id AND other.mode = orders.mode
                AND other.kind = 'month' AND other.state IN ('open', 'pending', 'paid') AND other.id <> orders.id)
"""
