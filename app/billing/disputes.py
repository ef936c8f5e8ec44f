"""A buyer's bank takes the money back, and sometimes gives it up again. An inquiry takes nothing, so neither do we."""

from __future__ import annotations

from functools import partial

from app.billing import grants, refunds, returns
from app.billing.records import Dispute
from app.billing.shop import Shop
from app.db import Session
from app.observability import logs

log = logs.get("prome.billing")
CREATED, CLOSED = "charge.dispute.created", "charge.dispute.closed"
WITHDRAWN, REINSTATED = "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"
EVENTS = (CREATED, WITHDRAWN, REINSTATED, CLOSED)


async def hear(shop: Shop, kind: str, dispute: Dispute) -> None:
    await shop.db.transact(partial(_book, shop, kind, dispute))
    log.warning("disputed", dispute=dispute.id, type=kind, status=dispute.status)


async def _book(shop: Shop, kind: str, dispute: Dispute, session: Session) -> None:
    """Given back before it was taken is given back: the taking then comes too late to do anything."""
    grant = await grants.take(session, dispute.payment_intent or "")
    if grant is None:
        return
    now, noted = shop.clock.now(), await returns.find(session, dispute.id)
    over = kind == REINSTATED or (kind == CLOSED and dispute.closed_unharmed)
    if noted is None and kind == WITHDRAWN:
        await refunds.take(session, grant, "dispute", dispute.cents, dispute.id, now)
    elif noted is None:
        state = "put_back" if over else "flagged"
        await returns.note(session, grant, "dispute", state, now, stripe_id=dispute.id)
    elif noted.state == "flagged" and kind == WITHDRAWN:
        noted.cents = min(dispute.cents, grant.paid_cents - grant.cents_returned)
        noted.tokens = returns.share(grant, noted.cents)
        await returns.become(session, noted, "taken", now)
        await returns.take_back(session, grant, noted, now)
    elif noted.state != "put_back" and (kind == REINSTATED or (over and noted.state == "flagged")):
        await returns.put_back(session, grant, noted, now)
