"""A buyer's bank takes the money back, and sometimes gives it up again. An inquiry takes nothing, so neither do we."""

from __future__ import annotations

from functools import partial

from app.billing import grants, returns
from app.billing.records import Dispute
from app.billing.shop import Shop
from app.db import Session

CREATED, CLOSED = "charge.dispute.created", "charge.dispute.closed"
WITHDRAWN, REINSTATED = "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"
EVENTS = (CREATED, WITHDRAWN, REINSTATED, CLOSED)


async def hear(shop: Shop, kind: str, dispute: Dispute) -> None:
    await shop.db.transact(partial(_book, shop, kind, dispute))
    shop.alerts.tell("disputed", dispute=dispute.id, type=kind, status=dispute.status)


async def _book(shop: Shop, kind: str, dispute: Dispute, session: Session) -> None:
    """Given back before it was taken is given back: the taking then comes too late to do anything."""
    grant = await grants.take(session, dispute.payment_intent or "")
    if grant is None:
        return
    now = shop.clock.now()
    noted = await returns.find(session, dispute.id)
    noted = noted or returns.begin(grant, "dispute", "flagged", now, stripe_id=dispute.id)
    if noted.state == "put_back":
        return
    if kind == REINSTATED or (kind == CLOSED and dispute.closed_unharmed):
        await returns.put_back(session, grant, noted, now)
    elif noted.state == "flagged":
        gone = kind == WITHDRAWN or dispute.lost
        noted.cents, noted.state = (dispute.cents, "taken") if gone else (0, "flagged")
        await returns.take_back(session, grant, noted, now)
