"""What is done again and again: end holds that nobody ends, see that the books are right, throw old rows away."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from app.accounts import doors, resets, sessions
from app.billing import inbox, reconcile
from app.billing.gateway import PaymentsFailed
from app.billing.looking_back import LookedBack
from app.edge import idempotency
from app.ledger import audit, expiry
from app.observability import logs
from app.schedule.periodic import Job
from app.services import Services

LEFT_BEHIND_SECONDS = 5.0
SWEEP_SECONDS = 10.0
RECONCILE_SECONDS = 300.0
# As many times as long as it works, the audit rests.
RESTS = 9
EVENTS_SECONDS = 15.0
LEAVERS_SECONDS = 300.0
TIDY_SECONDS = 3600.0

log = logs.get("prome.upkeep")


def jobs(its: Services) -> list[Job]:
    return [
        Job("end turns that were left behind", LEFT_BEHIND_SECONDS, partial(end_left_behind, its)),
        Job("end overdue holds", SWEEP_SECONDS, partial(end_overdue_holds, its)),
        Job("reconcile", RECONCILE_SECONDS, partial(check_the_books, its)),
        Job("handle what Stripe told us", EVENTS_SECONDS, partial(handle_events, its)),
        Job("reconcile payments", RECONCILE_SECONDS, partial(reconcile_payments, its, LookedBack())),
        Job("remove what people left", LEAVERS_SECONDS, its.leaving.finish),
        Job("tidy", TIDY_SECONDS, partial(tidy, its)),
    ]


async def end_left_behind(its: Services) -> None:
    await its.recovery.end_what_was_left()


async def end_overdue_holds(its: Services) -> None:
    ended = await expiry.sweep(its.db)
    if ended:
        its.metrics.holds_expired.inc(ended)
        log.warning("holds_expired", count=ended)


async def check_the_books(its: Services) -> None:
    """Says what is wrong and changes nothing: a ledger that mends itself hides what broke it.

    All accounts, a few at a time, with rests, so that years of books take no more than a part of one processor. The
    links of the chains are looked at; to compute every hash anew takes too long, and is left to `prome reconcile`.
    """
    wrong, after = 0, ""
    while after != audit.EVERYBODY:
        began = time.monotonic()
        async with its.db.read() as session:
            last = await audit.part(session, after)
            found = await audit.differences(session, after, last)
        for difference in found:
            log.error("ledger_difference", difference=str(difference))
        wrong, after = wrong + len(found), last
        await asyncio.sleep((time.monotonic() - began) * RESTS)
    its.metrics.ledger_differences.set(wrong)


async def handle_events(its: Services) -> None:
    if its.shop.gateway.account is not None:
        await its.inbox.retry()


async def reconcile_payments(its: Services, looked: LookedBack) -> None:
    """Catches up with what webhooks did not bring. It says itself what it did, and what somebody has to look at."""
    if its.shop.gateway.account is None:
        return
    began = its.clock.now()
    try:
        await reconcile.reconcile(its.shop, its.inbox, since=looked.by(began))
        looked.complete_at = began
    except PaymentsFailed as error:
        log.warning("payments_not_reconciled", because=str(error))


async def tidy(its: Services) -> None:
    now = its.clock.now()
    for sweep in (idempotency.sweep, doors.sweep, resets.sweep, sessions.sweep, inbox.sweep):
        async with its.db.begin() as session:
            await sweep(session, now)
