"""An order with what came of it: what was granted, what went back, and what could still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from app.billing import asking, grants, orders, returns, subscriptions, unspent
from app.billing.shop import Shop
from app.billing.tables import Grant, Order, Plan, Return
from app.db import Session
from app.edge.paging import Page
from app.ledger import ledger


class Refundable(NamedTuple):
    tokens: int
    amount: int
    until: datetime


@dataclass(frozen=True)
class Bought:
    order: Order
    tokens_granted: int
    tokens_returned: int
    cents_returned: int
    refundable: Refundable | None
    disputed: bool


async def of_user(session: Session, shop: Shop, user_id: str, page: Page) -> tuple[list[Bought], Plan | None]:
    found = await orders.of_user(session, user_id, page, shop.clock.now() + timedelta(days=1))
    return [await of_order(session, shop, order) for order in found], await subscriptions.of_user(session, user_id)


async def of_order(session: Session, shop: Shop, order: Order) -> Bought:
    granted = await grants.of_order(session, order.id)
    noted = [one for grant in granted for one in await returns.of_grant(session, grant.reference)]
    return Bought(
        order=order,
        tokens_granted=sum(grant.tokens for grant in granted),
        tokens_returned=sum(grant.tokens_returned for grant in granted),
        cents_returned=sum(grant.cents_returned for grant in granted),
        refundable=await _refundable(session, shop, order, granted, noted),
        disputed=any(one.kind == "dispute" and one.state != "put_back" for one in noted),
    )


async def debt_paid(session: Session, order: Order) -> int:
    """What was owed before, and was paid from the tokens of this order."""
    granted = await grants.of_order(session, order.id)
    return sum([await ledger.debt_paid_by(session, grant.kind, grant.reference) for grant in granted])


async def _refundable(
    session: Session, shop: Shop, order: Order, granted: Sequence[Grant], noted: Sequence[Return]
) -> Refundable | None:
    until = asking.refundable_until(shop, order)
    if until is None or shop.clock.now() > until or not granted:
        return None
    if any(one.state != "put_back" and (one.kind == "dispute" or one.asked_by == "user") for one in noted):
        return None
    grant = granted[0]
    amount = unspent.cents_of(grant, await unspent.tokens_of(session, grant))
    tokens = returns.share(grant, grant.cents_returned + amount) - grant.tokens_returned
    return Refundable(tokens, amount, until) if amount else None
