"""What is for sale, buying it, what was bought, and what Stripe has to say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.accounts.identity import identity
from app.billing import asking, checkout, customers, fulfilment, overview, packages
from app.billing.asking import NothingToRefund, NotRefundable
from app.billing.checkout import AlreadySubscribed, CheckoutReplaced, PaymentPending, PriceDiffers
from app.billing.gateway import NotSigned, PaymentsFailed
from app.billing.overview import Bought
from app.billing.packages import UnknownPackage
from app.billing.subscriptions import NoPlan
from app.billing.tables import Order, Package, Plan, Return
from app.billing.till import PaymentsOff
from app.edge import idempotency, paging
from app.edge.body_limit import BodyTooLarge, BodyTooSlow
from app.edge.endpoints import get, post, reply
from app.edge.idempotency import IdempotencyConflict, IdempotencyRunning
from app.edge.origin import asked_at
from app.edge.paging import Page
from app.edge.shapes import In, Out, Text
from app.errors import Invalid, NotFound
from app.ledger import ledger
from app.services import services

EVENT_BYTES_MAX = 256 * 1024
REPEATED = [Invalid, IdempotencyConflict, IdempotencyRunning]
ASKING_STRIPE = [PaymentsOff, PaymentsFailed]


class CheckoutIn(In):
    package_id: Annotated[Text, Field(min_length=1, max_length=64)]


class PackageOut(Out):
    id: str
    name: str
    description: str
    tokens: int
    price_usd: int = Field(description="In the smallest unit of `currency`")
    currency: str
    kind: Literal["once", "month"]
    stripe_price_id: str | None
    active: bool
    created_at: datetime


class PackagesOut(Out):
    packages: list[PackageOut]
    payments: Literal["off", "sandbox", "test", "live"] = Field(description="Only `live` takes real money")
    next_cursor: str | None


class CheckoutOut(Out):
    url: str = Field(description="Where the browser goes to pay")
    session_id: str
    order_id: str


class CompletedOut(Out):
    status: Literal["paid", "pending", "open", "expired", "failed"]
    tokens_granted: int
    debt_paid: int = Field(description="How many of them paid what was owed")
    balance: int


class RefundableOut(Out):
    tokens: int
    amount: int
    until: datetime


class OrderOut(Out):
    id: str
    package_id: str
    name: str
    kind: Literal["once", "month"]
    status: Literal["open", "pending", "paid", "failed", "expired", "ended"]
    tokens: int
    price_usd: int
    currency: str
    tokens_granted: int
    tokens_returned: int
    amount_returned: int
    refundable: RefundableOut | None = Field(description="What can be given back now; nothing when that is over")
    disputed: bool
    sandbox: bool = Field(description="No real money")
    created_at: datetime
    paid_at: datetime | None


class PlanOut(Out):
    order_id: str
    status: str
    period_ends_at: datetime | None
    cancels_at: datetime | None
    ended_at: datetime | None


class OrdersOut(Out):
    orders: list[OrderOut]
    plan: PlanOut | None = Field(description="The plan that stands, or the last one")
    next_cursor: str | None


class RefundOut(Out):
    order_id: str
    status: Literal["refunded", "pending", "failed"]
    tokens: int
    amount: int
    balance: int


class PortalOut(Out):
    url: str


class ReceivedOut(Out):
    received: bool


async def list_packages(request: Request, page: Page) -> PackagesOut:
    """What can be bought."""
    its = services(request)
    async with its.db.read() as session:
        found = await packages.for_sale(session, page)
    shown, next_cursor = paging.cut(found, page, lambda package: (package.created_at, package.id))
    account = its.shop.gateway.account
    payments = account.mode if account else "off"
    return PackagesOut(packages=[_package(package) for package in shown], payments=payments, next_cursor=next_cursor)


async def begin_checkout(request: Request, body: CheckoutIn) -> Response:
    """Begins an order and answers where to pay. The same click twice is the same page."""
    its, me = services(request), identity(request)

    async def work() -> Response:
        begun = await checkout.begin(its.shop, me.user_id, body.package_id, asked_at(request))
        return reply(CheckoutOut(url=begun.url, session_id=begun.session_id, order_id=begun.order_id))

    ask = await idempotency.ask_of(request, me.user_id)
    return await idempotency.once(its.db, its.clock, ask, work)


async def complete_checkout(request: Request) -> CompletedOut:
    """What the page that one comes back to asks: is it paid, and what do I have now."""
    its, me = services(request), identity(request)
    order = await fulfilment.complete(its.shop, me.user_id, request.path_params["checkout_id"])
    async with its.db.read() as session:
        granted = (await overview.of_order(session, its.shop, order)).tokens_granted
        paid = await overview.debt_paid(session, order)
        has = await ledger.balance(session, me.user_id)
    return _completed(order, granted, paid, has.balance)


async def list_orders(request: Request, page: Page) -> OrdersOut:
    """What I bought and what went back, newest first, and my plan."""
    its, me = services(request), identity(request)
    async with its.db.read() as session:
        found, plan = await overview.of_user(session, its.shop, me.user_id, page)
    shown, next_cursor = paging.cut(found, page, lambda bought: (bought.order.created_at, bought.order.id))
    return OrdersOut(orders=[_order(bought) for bought in shown], plan=_plan(plan), next_cursor=next_cursor)


async def refund_order(request: Request) -> Response:
    """Gives back what is unspent of a purchase, and the money for it. A second time it is the same refund."""
    its, me, order_id = services(request), identity(request), request.path_params["order_id"]

    async def work() -> Response:
        noted = await asking.refund_unused(its.shop, me.user_id, order_id)
        async with its.db.read() as session:
            has = await ledger.balance(session, me.user_id)
        return reply(_refund(order_id, noted, has.balance))

    ask = await idempotency.ask_of(request, me.user_id)
    return await idempotency.once(its.db, its.clock, ask, work)


async def open_portal(request: Request) -> PortalOut:
    """Where to change the card and to cancel the plan."""
    its, me = services(request), identity(request)
    return PortalOut(url=await customers.portal(its.shop, me.user_id, asked_at(request)))


async def take_event(request: Request) -> ReceivedOut:
    """Stripe's events. The body is what was signed, so it is read as it came."""
    raw = await request.body()
    if len(raw) > EVENT_BYTES_MAX:
        raise BodyTooLarge(bytesMax=EVENT_BYTES_MAX)
    await services(request).inbox.take(raw, request.headers.get("stripe-signature", ""))
    return ReceivedOut(received=True)


def _package(package: Package) -> PackageOut:
    values = package.model_dump(exclude={"price_cents", "retired_at", "updated_at"})
    return PackageOut.model_validate({**values, "price_usd": package.price_cents, "active": package.retired_at is None})


def _completed(order: Order, granted: int, debt_paid: int, balance: int) -> CompletedOut:
    status = "paid" if order.state == "ended" else order.state
    values = {"tokens_granted": granted, "debt_paid": debt_paid, "balance": balance}
    return CompletedOut.model_validate({"status": status, **values})


def _order(bought: Bought) -> OrderOut:
    order = bought.order
    values = order.model_dump(
        include={"id", "package_id", "name", "kind", "tokens", "currency", "created_at", "paid_at"}
    )
    return OrderOut.model_validate(
        {
            **values,
            "status": order.state,
            "price_usd": order.price_cents,
            "tokens_granted": bought.tokens_granted,
            "tokens_returned": bought.tokens_returned,
            "amount_returned": bought.cents_returned,
            "refundable": bought.refundable and RefundableOut(**bought.refundable._asdict()),
            "disputed": bought.disputed,
            "sandbox": order.mode == "sandbox",
        }
    )


def _plan(plan: Plan | None) -> PlanOut | None:
    if plan is None:
        return None
    return PlanOut.model_validate(plan.model_dump(exclude={"id", "user_id", "read_at", "created_at"}))


def _refund(order_id: str, noted: Return, balance: int) -> RefundOut:
    status = {"asked": "pending", "taken": "refunded", "put_back": "failed"}[noted.state]
    return RefundOut.model_validate(
        {"order_id": order_id, "status": status, "tokens": noted.tokens, "amount": noted.cents, "balance": balance}
    )


WEBHOOK = {"public": True, "returns": ReceivedOut, "raises": [NotSigned, NotFound, BodyTooLarge, BodyTooSlow]}
routes = [
    get("/api/billing/packages", list_packages, query=Page, returns=PackagesOut, public=True),
    post("/api/billing/checkout", begin_checkout, body=CheckoutIn, returns=CheckoutOut,
         raises=[UnknownPackage, AlreadySubscribed, PaymentPending, CheckoutReplaced, PriceDiffers, *ASKING_STRIPE,
                 *REPEATED]),
    post("/api/billing/checkout/{checkout_id}/complete", complete_checkout, returns=CompletedOut,
         raises=[NotFound, *ASKING_STRIPE]),
    get("/api/billing/orders", list_orders, query=Page, returns=OrdersOut),
    post("/api/billing/orders/{order_id}/refund", refund_order, returns=RefundOut,
         raises=[NotFound, NotRefundable, NothingToRefund, *ASKING_STRIPE, *REPEATED]),
    post("/api/billing/portal", open_portal, returns=PortalOut, raises=[NoPlan, *ASKING_STRIPE]),
    post("/api/billing/webhook", take_event, **WEBHOOK),
    # An address of a dashboard may have either, and who delivers does not follow redirects.
    *[post(path, take_event, **WEBHOOK, hidden=True)
      for path in ("/api/billing/webhook/", "/api/stripe/webhook", "/api/stripe/webhook/")],
]  # fmt: skip
