"""How much of a purchase is still there. The oldest tokens count as spent first, so what is left is the newest."""

from __future__ import annotations

from app import currencies
from app.billing.tables import Grant
from app.db import Session
from app.ledger import ledger


async def tokens_of(session: Session, grant: Grant) -> int:
    """What running replies hold is spent, as far as this goes: they may use it all."""
    has = await ledger.balance(session, grant.user_id)
    row = await session.row(CAME_LATER, grant.user_id, grant.kind, grant.reference)
    assert row is not None
    newer = int(row["granted"]) - int(row["returned"])
    return max(0, min(has.available - newer, grant.tokens - grant.tokens_returned))


def cents_of(grant: Grant, tokens: int) -> int:
    """The money for so many tokens, rounded down to what Stripe can send, and all of it for all of them."""
    left = grant.paid_cents - grant.cents_returned
    if tokens == grant.tokens - grant.tokens_returned:
        return left if tokens else 0
    return currencies.payable(min(grant.paid_cents * tokens // grant.tokens, left), grant.currency)


# What came in after the grant, less what of that went back again. A return that was put back is in neither.
CAME_LATER = """
SELECT
    (SELECT COALESCE(SUM(tokens), 0) FROM ledger_entries
     WHERE user_id = $1 AND tokens > 0 AND kind IN ('welcome', 'purchase', 'subscription', 'adjustment')
       AND sequence > mine.sequence) AS granted,
    (SELECT COALESCE(SUM(tokens_returned), 0) FROM order_grants
     JOIN ledger_entries ON ledger_entries.kind = order_grants.kind
                        AND ledger_entries.reference = order_grants.reference
     WHERE order_grants.user_id = $1 AND sequence > mine.sequence) AS returned
FROM ledger_entries AS mine WHERE kind = $2 AND reference = $3
"""
