"""From a package to a page to pay at. The order is written before Stripe is asked, and its id is the key of the asking.

So a double click, or a call that broke off and is tried again, is one order and one session. And nobody is given a page
whose order is not open: what another click closed meanwhile cannot be paid.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from app import currencies
from app.billing import customers, fulfilment, orders, packages
from app.billing.gateway import PaymentsFailed, Refused, Unknown, Unreachable
from app.billing.records import Session
from app.billing.shop import Shop
from app.billing.tables import Order, Package
from app.billing.terms import Terms
from app.db import LostRace
from app.db import Session as Transaction
from app.errors import AppError

# Stripe wants at least half an hour; who clicks again within the first part of it gets the same page.
OPEN_FOR = timedelta(minutes=60)
REUSED_FOR = timedelta(minutes=20)
TRIES_MAX = 4
FROZEN = {"kind", "name", "tokens", "price_cents", "currency", "stripe_price_id"}


class AlreadySubscribed(AppError):
    status, code = 409, "already_subscribed"
    message = "You have a plan already. You can change or cancel it under “Manage plan”."


class PaymentPending(AppError):
    status, code, message = 409, "payment_pending", "Your bank is still working on this payment."


class PriceDiffers(AppError):
    status, code = 409, "price_differs"
    message = "This cannot be bought just now, because its price needs mending. Nothing was charged."


class CheckoutReplaced(AppError):
    status, code = 409, "checkout_replaced"
    message = "You went on in another tab meanwhile. Please pay there, or choose again here."


@dataclass(frozen=True)
class Begun:
    order_id: str
    session_id: str
    url: str


async def begin(shop: Shop, user_id: str, package_id: str, asked_at: str) -> Begun:
    """`asked_at`: the address by which the buyer came, as `origin.asked_at` says."""
    for _ in range(TRIES_MAX):
        order, fresh = await shop.db.transact(partial(_claim, shop, user_id, package_id))
        session = await _session(shop, order, shop.way_back(asked_at)) if fresh else None
        if session and session.status == "open" and fulfilment.fits(shop, order, session):
            return Begun(order.id, session.id, session.url)
        await put_aside(shop, order)
    raise PaymentsFailed


async def put_aside(shop: Shop, order: Order) -> None:
    """Closes an order that is not wanted any more. If it was paid a moment ago, then it was paid."""
    opened = order if order.session_id else await _close_unopened(shop, order, "expired")
    if opened is None or opened.session_id is None:
        return
    # If it is not open any more, how it ended is read next.
    with suppress(Refused):
        await shop.gateway.expire_session(opened.session_id)
    await fulfilment.follow(shop, opened)


async def _claim(shop: Shop, user_id: str, package_id: str, session: Transaction) -> tuple[Order, bool]:
    """The order to go on with, and whether it is still good."""
    package = await packages.find(session, package_id)
    now, mode = shop.clock.now(), shop.gateway.mode
    before = await orders.standing(session, user_id, mode, package)
    if before is None:
        begun = await orders.begin(session, user_id, mode, package, now)
        if begun is None:
            raise LostRace
        return begun, True
    if before.state == "paid":
        raise AlreadySubscribed
    if before.state == "pending":
        raise PaymentPending
    return before, _same_terms(before, package) and now < before.created_at + REUSED_FOR


def _same_terms(order: Order, package: Package) -> bool:
    return order.package_id == package.id and order.model_dump(include=FROZEN) == package.model_dump(include=FROZEN)


async def _session(shop: Shop, order: Order, way_back: str) -> Session | None:
    """None when Stripe does not know it any more."""
    if order.session_id:
        with suppress(Unknown):
            return await shop.gateway.session(order.session_id)
        return None
    customer_id = await customers.require(shop, order)
    try:
        opened = await shop.gateway.open_session(_terms(order, customer_id, way_back))
    except Unreachable:
        raise  # It may have arrived, or be on its way: the same key asks for the same session again.
    except PaymentsFailed as error:
        await _give_up(shop, order, error)
        raise
    return await _keep(shop, order, opened)


async def _keep(shop: Shop, order: Order, opened: Session) -> Session:
    """Only what asks for our price, and whose order is still open: whoever closed that could not close this as well."""
    if not fulfilment.fits(shop, order, opened):
        # The price that is kept at Stripe is another than the package's: it would be paid, and not granted.
        fulfilment.tell_misfit(shop, order, opened)
        await _close_unopened(shop, order, "failed")
        await _withdraw(shop, opened)
        raise PriceDiffers
    async with shop.db.begin() as session:
        await orders.keep_session(session, order.id, opened.id, shop.clock.now())
        kept = await orders.find(session, order.id)
    if kept and (kept.state, kept.session_id) == ("open", opened.id):
        return opened
    await _withdraw(shop, opened)
    raise CheckoutReplaced


async def _withdraw(shop: Shop, opened: Session) -> None:
    """Nobody has its address, so no harm is done where this does not arrive."""
    with suppress(PaymentsFailed):
        await shop.gateway.expire_session(opened.id)


async def _close_unopened(shop: Shop, order: Order, state: str) -> Order | None:
    """None when it is closed now; else as it is, perhaps with a session that it got meanwhile."""
    async with shop.db.begin() as session:
        if await orders.close_unopened(session, order, state, shop.clock.now()):
            return None
        return await orders.find(session, order.id)


async def _give_up(shop: Shop, order: Order, error: PaymentsFailed) -> None:
    """Under this key Stripe would only repeat its answer, so the next try is another order."""
    await _close_unopened(shop, order, "failed")
    if isinstance(error, Unknown) and error.field == "customer":
        async with shop.db.begin() as session:
            await customers.forget(session, order.user_id, order.mode)


def _terms(order: Order, customer_id: str, way_back: str) -> Terms:
    return Terms(
        key=order.id,
        kind=order.kind,
        name=order.name,
        description=f"{order.tokens:,} tokens for {currencies.in_words(order.price_cents, order.currency)}",
        price_cents=order.price_cents,
        currency=order.currency,
        stripe_price_id=order.stripe_price_id,
        customer_id=customer_id,
        user_id=order.user_id,
        success_url=f"{way_back}?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=way_back,
        expires_at=order.created_at + OPEN_FOR,
    )
