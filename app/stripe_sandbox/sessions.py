"""Checkout sessions: what is offered, to whom, and where the buyer goes afterwards."""

from __future__ import annotations

from typing import Any

from app.stripe_sandbox import errors, offers, prices
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, page, retrieve, whole
from app.stripe_sandbox.parameters import (
    PAGE,
    Check,
    Many,
    Must,
    OneOf,
    Shape,
    Text,
    Whole,
    address,
    email,
    metadata,
    moment,
    off,
    with_metadata,
)
from app.stripe_sandbox.payment_methods import SHIPPING
from app.stripe_sandbox.shelf import Thing

EXPIRES_SECONDS_MIN, EXPIRES_SECONDS_MAX = 30 * 60, 24 * 60 * 60
TAKES: dict[str, Check] = {
    "mode": Must(OneOf("payment", "subscription")),
    "line_items": Many(Shape(price=Text(), price_data=Shape(**prices.PRICE_TAKES), quantity=Whole(1, 999_999)), 100),
    "success_url": address,
    "cancel_url": address,
    "client_reference_id": Text(200),
    "customer": Text(),
    "customer_email": email,
    "customer_creation": OneOf("always", "if_required"),
    "metadata": metadata,
    "payment_intent_data": Shape(
        metadata=metadata,
        description=Text(1000),
        receipt_email=email,
        statement_descriptor_suffix=Text(22),
        setup_future_usage=OneOf("off_session", "on_session"),
        shipping=SHIPPING,
    ),
    "subscription_data": Shape(metadata=metadata, description=Text(500)),
    "expires_at": Whole(0, 10**11),
    "allowed_payment_method_types": Many(Text()),
    "payment_method_types": Many(Text()),
    "payment_method_collection": OneOf("always", "if_required"),
    "ui_mode": OneOf("hosted", "hosted_page"),
    "locale": Text(10),
    "submit_type": OneOf("auto", "book", "donate", "pay", "subscribe"),
    "billing_address_collection": OneOf("auto", "required"),
    "allow_promotion_codes": off,
    "adaptive_pricing": Shape(enabled=off),
    "automatic_tax": Shape(enabled=off),
    "phone_number_collection": Shape(enabled=off),
    "invoice_creation": Shape(enabled=off),
    "origin_context": OneOf("mobile_app", "web"),
}


def create(call: Call) -> Thing:
    books, given = call.books, dict(call.given)
    session = {
        **offers.offered(books, given, call.version),
        "id": books.new_id("cs_test", 58),
        "created": books.now(),
        "expires_at": _expiry(books, given),
    }
    session["url"] = f"{call.base_url}/c/pay/{session['id']}"
    return books.put(session)


def _expiry(books: Books, given: dict[str, Any]) -> int:
    at = int(given.get("expires_at", books.now() + EXPIRES_SECONDS_MAX))
    # A second or two are lost on the way.
    if not EXPIRES_SECONDS_MIN - 5 <= at - books.now() <= EXPIRES_SECONDS_MAX + 5:
        message = "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from creation."
        raise errors.wrong("expires_at", message)
    return at


def expire(books: Books, session: Thing) -> Thing:
    if session["status"] != "open":
        message = f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of `{session["status"]}`.'  # noqa: E501
        raise errors.Refusal(message)
    expired = books.put({**session, "status": "expired", "url": None})
    books.happened("checkout.session.expired", expired)
    return expired


def expire_overdue(books: Books) -> None:
    for session in books.every("checkout.session", status="open"):
        if session["expires_at"] <= books.now():
            expire(books, session)


def lines(session: Thing) -> Thing:
    return whole(f"/v1/checkout/sessions/{session['id']}/line_items", session["_lines"])


def list_lines(call: Call) -> Thing:
    session = call.books.find("checkout.session", call.id)
    return page(f"/v1/checkout/sessions/{call.id}/line_items", session["_lines"], call.given)


def list_sessions(call: Call) -> Thing:
    plain = ("payment_intent", "subscription", "customer", "status")
    having = {name: call.given[name] for name in plain if name in call.given}
    found = [session for session in call.books.every("checkout.session", **having) if within(call, session)]
    return page("/v1/checkout/sessions", found, call.given)


def within(call: Call, thing: Thing) -> bool:
    """Whether it was made in the time that was asked for."""
    span, at = call.given.get("created", {}), thing["created"]
    return bool(
        span.get("gt", -1) < at < span.get("lt", 10**12) and span.get("gte", 0) <= at <= span.get("lte", 10**12)
    )


def update(call: Call) -> Thing:
    session = call.books.find("checkout.session", call.id)
    return call.books.put({**session, "metadata": with_metadata(session["metadata"], dict(call.given))})


LIST_TAKES: dict[str, Check] = {
    **PAGE,
    "payment_intent": Text(),
    "subscription": Text(),
    "customer": Text(),
    "created": moment,
    "status": OneOf("open", "complete", "expired"),
}
PATH = "/v1/checkout/sessions"
rows = [
    Row("POST", PATH, create, TAKES),
    Row("GET", PATH, list_sessions, LIST_TAKES),
    Row("GET", PATH + "/{id}", retrieve("checkout.session")),
    Row("POST", PATH + "/{id}", update, {"metadata": metadata}),
    Row("GET", PATH + "/{id}/line_items", list_lines, PAGE),
    Row("POST", PATH + "/{id}/expire", lambda call: expire(call.books, retrieve("checkout.session")(call))),
]
