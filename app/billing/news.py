"""How somebody's latest orders are now, for open tabs, which hold it against how they were before."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from app.db import Row, Session, as_moment
from app.edge.shapes import Out

LOOKED_AT_MAX = 10


class Payment(Out):
    order_id: str
    status: str
    tokens_granted: int
    tokens_returned: int
    updated_at: datetime
    # Nobody is told of this, but an order whose plan differs is news.
    plan: tuple[object, ...] = Field(exclude=True)


async def newest(session: Session, user_id: str) -> list[Payment]:
    """Of the orders that were begun last; what changes of an older one shows when it is loaded."""
    return [_payment(row) for row in await session.rows(NEWEST, user_id, LOOKED_AT_MAX)]


def _payment(row: Row) -> Payment:
    plan = tuple(row[name] for name in ("plan_status", "period_ends_at", "cancels_at", "ended_at"))
    return Payment.model_validate({**dict(row), "updated_at": as_moment(row["updated_at"]), "plan": plan})


NEWEST = """
SELECT latest.id AS order_id, state AS status, latest.updated_at,
       COALESCE(SUM(order_grants.tokens), 0) AS tokens_granted,
       COALESCE(SUM(tokens_returned), 0) AS tokens_returned,
       plans.status AS plan_status, period_ends_at, cancels_at, ended_at
FROM (SELECT id, state, updated_at FROM orders WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2) AS latest
LEFT JOIN order_grants ON order_grants.order_id = latest.id
LEFT JOIN plans ON plans.user_id = $1 AND plans.order_id = latest.id
GROUP BY latest.id, state, latest.updated_at, plans.id ORDER BY latest.updated_at DESC, latest.id DESC
"""
