"""What each type of event makes us look at. The list is also what the endpoint at Stripe has to be set up for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.billing import disputes, fulfilment, grants, refunds, subscriptions
from app.billing.gateway import Refused
from app.billing.records import Event
from app.billing.shop import Shop

Handler = Callable[[Shop, Event], Awaitable[None]]


async def _session(shop: Shop, event: Event) -> None:
    await fulfilment.fulfil(shop, event.id_of())


async def _invoice(shop: Shop, event: Event) -> None:
    await fulfilment.fulfil_invoice(shop, event.id_of())


async def _subscription(shop: Shop, event: Event) -> None:
    await subscriptions.look(shop, event.id_of())


async def _late_payment(shop: Shop, event: Event) -> None:
    invoice = await shop.gateway.invoice(event.id_of())
    if invoice.subscription_id:
        await subscriptions.look(shop, invoice.subscription_id)


async def _refund(shop: Shop, event: Event) -> None:
    payment_intent = event.id_of("payment_intent")
    if payment_intent:
        await _grant_first(shop, payment_intent)
        await refunds.settle(shop, payment_intent)


async def _dispute(shop: Shop, event: Event) -> None:
    dispute = await shop.gateway.dispute(event.id_of())
    if dispute.payment_intent:
        await _grant_first(shop, dispute.payment_intent)
    await disputes.hear(shop, event.type, dispute)


async def _grant_first(shop: Shop, payment_intent: str) -> None:
    """News of a refund may overtake that of its payment: what is taken back must have been given."""
    async with shop.db.read() as session:
        if await grants.is_there(session, payment_intent):
            return
    for found in await shop.gateway.sessions_of(payment_intent):
        await fulfilment.fulfil(shop, found.id)
    for invoice_id in await _invoices_of(shop, payment_intent):
        await fulfilment.fulfil_invoice(shop, invoice_id)


async def _invoices_of(shop: Shop, payment_intent: str) -> list[str]:
    try:
        return await shop.gateway.invoices_of(payment_intent)
    except Refused:
        return []


HANDLERS: dict[str, Handler] = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _session,
    "checkout.session.expired": _session,
    "invoice.paid": _invoice,
    "invoice.payment_failed": _late_payment,
    "customer.subscription.created": _subscription,
    "customer.subscription.updated": _subscription,
    "customer.subscription.deleted": _subscription,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.refunded": _refund,
    **dict.fromkeys(disputes.EVENTS, _dispute),
}
