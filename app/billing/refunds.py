"""What Stripe says was refunded, and refunds that we ask it for."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from app.billing import grants, returns
from app.billing.records import Refund
from app.billing.shop import Shop
from app.db import Session


async def settle(shop: Shop, payment_intent: str) -> None:
    """Reads every refund of a payment and books what is not booked; nothing, as long as nothing was granted for it."""
    for refund in await shop.gateway.refunds_of(payment_intent):
        await shop.db.transact(partial(_book, refund=refund, payment_intent=payment_intent, now=shop.clock.now()))


async def book(shop: Shop, refund: Refund, payment_intent: str) -> None:
    await shop.db.transact(partial(_book, refund=refund, payment_intent=payment_intent, now=shop.clock.now()))


async def _book(session: Session, *, refund: Refund, payment_intent: str, now: datetime) -> None:
    grant = await grants.take(session, payment_intent)
    if grant is None:
        return
    noted = await returns.find(session, refund.id, refund.return_id)
    if noted is None:
        if refund.succeeded:
            begun = returns.begin(grant, "refund", "taken", now, cents=refund.cents, stripe_id=refund.id)
            await returns.take_back(session, grant, begun, now)
    elif refund.failed and noted.state != "put_back":
        await returns.put_back(session, grant, noted, now)
    elif noted.state == "asked":
        await returns.confirm(session, noted, refund.id, now)
