"""What webhooks should have brought and did not: asks Stripe, catches up, and says what it did and what is wrong.

It uses the same ways in as webhooks do, so it can be run at any time and as often as one likes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.billing import asking, fulfilment, grants, orders, returns, subscriptions
from app.billing.alerts import Alerts
from app.billing.checkout import OPEN_FOR
from app.billing.fulfilment import Unmatched
from app.billing.gateway import Refused, read_snapshot
from app.billing.handling import HANDLERS
from app.billing.inbox import Inbox
from app.billing.looking_back import EVENTS_KEPT
from app.billing.records import Session
from app.billing.shop import Shop
from app.billing.tables import Order, Plan
from app.observability import logs

# Whoever is being served right now is not to be overtaken.
SETTLED = timedelta(minutes=1)
PLAN_LOOKED_AT = timedelta(hours=12)
log = logs.get("prome.billing")


@dataclass
class Report:
    alerts: Alerts
    did: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def did_this(self, words: str) -> None:
        self.did.append(words)
        log.warning("payments_caught_up", what=words)

    def is_wrong(self, words: str) -> None:
        self.wrong.append(words)
        self.alerts.tell("payments_difference", what=words)


async def reconcile(shop: Shop, inbox: Inbox, *, since: timedelta = EVENTS_KEPT) -> Report:
    report = Report(shop.alerts)
    async with shop.db.read() as session:
        if not await orders.any_of(session, shop.gateway.mode):
            return report
    handled = await inbox.retry()
    if handled:
        report.did_this(f"handled {handled} events that had been put off")
    begin = shop.clock.now() - since
    await _ask_again_for_refunds(shop, report)
    await _finish_orders(shop, report)
    await _look_at_plans(shop, report)
    await _take_lost_events(shop, inbox, begin, report)
    paid = await _grant_what_is_paid(shop, begin, report)
    await _doubt_what_is_granted(shop, begin, paid, report)
    await _name_plans_of_orders_given_up(shop, report)
    await _name_what_closed_accounts_pay(shop, begin, report)
    return report


async def _ask_again_for_refunds(shop: Shop, report: Report) -> None:
    async with shop.db.read() as session:
        asked = await returns.asked(session, shop.gateway.mode, shop.clock.now() - SETTLED)
    for noted in asked:
        try:
            now = await asking.ask_again(shop, noted)
            report.did_this(f"asked again for refund {noted.id}, which is {now.state} now")
        except Refused:
            report.did_this(f"gave the tokens of refund {noted.id} back, because Stripe refused it")


async def _finish_orders(shop: Shop, report: Report) -> None:
    now = shop.clock.now()
    async with shop.db.read() as session:
        waiting = await orders.unfinished(session, shop.gateway.mode, now - SETTLED)
    for order in waiting:
        after = await _finish(shop, order, report)
        if after != order.state:
            report.did_this(f"order {order.id} was {order.state} and is {after}")


async def _finish(shop: Shop, order: Order, report: Report) -> str:
    now = shop.clock.now()
    if order.session_id:
        try:
            return (await fulfilment.follow(shop, order)).state
        except Refused:
            report.is_wrong(f"order {order.id}: Stripe does not say how its session {order.session_id} is")
    elif order.created_at < now - OPEN_FOR:
        async with shop.db.begin() as session:
            if await orders.close_unopened(session, order, "expired", now):
                return "expired"
    return order.state


async def _look_at_plans(shop: Shop, report: Report) -> None:
    now = shop.clock.now()
    async with shop.db.read() as session:
        plans = await subscriptions.standing(session, shop.gateway.mode)
    for plan in plans:
        if plan.read_at < now - PLAN_LOOKED_AT or (plan.period_ends_at and plan.period_ends_at < now):
            await _look_at(shop, plan, report)


async def _look_at(shop: Shop, plan: Plan, report: Report) -> None:
    try:
        found = await subscriptions.follow(shop, plan)
        if found is None:
            report.did_this(f"plan {plan.id} was {plan.status} and is ended, because Stripe does not know it")
            return
        if found.status != plan.status:
            report.did_this(f"plan {plan.id} was {plan.status} and is {found.status}")
        if found.latest_invoice and await fulfilment.fulfil_invoice(shop, found.latest_invoice):
            report.did_this(f"granted invoice {found.latest_invoice}")
    except Refused:
        report.is_wrong(f"plan {plan.id}: Stripe does not say how it is")


async def _take_lost_events(shop: Shop, inbox: Inbox, since: datetime, report: Report) -> None:
    async for payload in shop.gateway.undelivered(sorted(HANDLERS), since):
        event = read_snapshot(payload)
        if await inbox.store(event, payload.decode()) and await inbox.handle(event):
            report.did_this(f"handled {event.type} {event.id}, which had not been delivered")


async def _grant_what_is_paid(shop: Shop, since: datetime, report: Report) -> set[str]:
    """Complete sessions at Stripe, whose answer to us may have been lost, so that no order of ours names them.

    Also of orders that were given up, if they were paid all the same.
    """
    paid = set()
    async for found in shop.gateway.complete_sessions(since):
        if found.payment_status == "unpaid":
            continue
        paid.add(found.id)
        async with shop.db.read() as session:
            order = await orders.by_session(session, found.id)
        if order is None or order.state not in ("paid", "ended"):
            await _grant(shop, found, report)
    return paid


async def _grant(shop: Shop, found: Session, report: Report) -> None:
    try:
        order = await fulfilment.fulfil(shop, found.id)
    except Unmatched:
        report.is_wrong(f"session {found.id} is paid, and no order of ours knows it")
        return
    if order.state in ("paid", "ended"):
        report.did_this(f"order {order.id} is {order.state}, as session {found.id} says")
    elif not await _is_settled(shop, order, found):
        report.is_wrong(f"session {found.id} is paid, and does not fit order {order.id}")


async def _is_settled(shop: Shop, order: Order, found: Session) -> bool:
    """The tokens came, as for a plan that was paid too late to stand; or the money went back."""
    async with shop.db.read() as session:
        if await grants.of_order(session, order.id):
            return True
    returned = await shop.gateway.refunds_of(found.payment_intent) if found.payment_intent else []
    return sum(refund.cents for refund in returned if refund.succeeded) >= found.total_cents


async def _doubt_what_is_granted(shop: Shop, since: datetime, paid: set[str], report: Report) -> None:
    async with shop.db.read() as session:
        given = await grants.of_mode(session, shop.gateway.mode, since)
        for reference in await grants.missing(session):
            report.is_wrong(f"the ledger has {reference}, which no order was granted for")
    for grant in given:
        if grant.kind == "purchase" and grant.reference not in paid and not await _was_paid(shop, grant.reference):
            report.is_wrong(f"order {grant.order_id} was granted {grant.reference}, which is not paid")


async def _name_plans_of_orders_given_up(shop: Shop, report: Report) -> None:
    """What they take may be for nothing, or for a second plan. Which one is to end is for somebody to say."""
    async with shop.db.read() as session:
        for plan in await subscriptions.of_orders_given_up(session, shop.gateway.mode):
            words = f"plan {plan['id']} takes money, and its order {plan['order_id']} is {plan['state']}"
            report.is_wrong(f"{words}; end it at Stripe")


async def _name_what_closed_accounts_pay(shop: Shop, since: datetime, report: Report) -> None:
    """Nobody can use what came after the account was closed. Whether the money goes back is for somebody to say."""
    async with shop.db.read() as session:
        for order_id in await grants.after_closing(session, shop.gateway.mode, since):
            report.is_wrong(
                f"order {order_id} was paid for an account that is closed; `prome refund` gives the money back"
            )
        for plan_id in await subscriptions.of_closed_accounts(session, shop.gateway.mode):
            report.is_wrong(f"plan {plan_id} takes money for an account that is closed; end it at Stripe")


async def _was_paid(shop: Shop, session_id: str) -> bool:
    try:
        return (await shop.gateway.session(session_id)).payment_status != "unpaid"
    except Refused:
        return False
