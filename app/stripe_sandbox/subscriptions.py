"""Plans: they begin with a checkout, go on by the period, and end when asked to or when nobody pays."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

from app.stripe_sandbox import errors, invoices, payments
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, page, retrieve, whole
from app.stripe_sandbox.parameters import PAGE, Check, Shape, Text, flag, metadata, with_metadata
from app.stripe_sandbox.shelf import Thing

ENDED = ("canceled", "incomplete_expired")


def begin(books: Books, session: Thing) -> Thing:
    """Made but not told yet: Stripe tells of the session first."""
    wishes = session["_subscription_data"]
    lines = [line for line in session["_lines"] if line["price"]["type"] == "recurring"]
    return make(books, session["customer"], lines, **wishes)


def make(books: Books, customer: str, lines: list[Thing], **wishes: Any) -> Thing:
    identifier, now = books.new_id("sub"), books.now()
    items = [_item(books, identifier, line) for line in lines]
    subscription = {
        **_blank(),
        "id": identifier,
        "billing_cycle_anchor": now,
        "created": now,
        "currency": lines[0]["price"]["currency"],
        "customer": customer,
        "description": wishes.get("description"),
        "items": whole(f"/v1/subscription_items?subscription={identifier}", items),
        "metadata": wishes.get("metadata", {}),
        "start_date": now,
        "status": "active",
    }
    return books.put(subscription)


def _item(books: Books, subscription: str, line: Thing) -> Thing:
    price, now = line["price"], books.now()
    return {
        "id": books.new_id("si", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": _next(now, price["recurring"]),
        "current_period_start": now,
        "discounts": [],
        "metadata": {},
        "plan": _plan(price),
        "price": price,
        "quantity": line["quantity"],
        "subscription": subscription,
        "tax_rates": [],
    }


def _plan(price: Thing) -> Thing:
    same = ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    return {
        **{name: price[name] for name in same},
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "meter": None,
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _next(moment: int, recurring: Thing) -> int:
    """A month later is the same day, or the last one of a month that has no such day."""
    start, count = datetime.fromtimestamp(moment, UTC), recurring["interval_count"]
    if recurring["interval"] in ("day", "week"):
        return int((start + timedelta(days=count * (7 if recurring["interval"] == "week" else 1))).timestamp())
    months = start.year * 12 + start.month - 1 + count * (12 if recurring["interval"] == "year" else 1)
    year, month = months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def _blank() -> Thing:
    nothing = (
        "application", "application_fee_percent", "billing_cycle_anchor_config", "billing_thresholds", "cancel_at",
        "canceled_at", "days_until_due", "default_payment_method", "default_source", "ended_at", "latest_invoice",
        "next_pending_invoice_item_invoice", "on_behalf_of", "pause_collection", "pending_invoice_item_interval",
        "pending_setup_intent", "pending_update", "schedule", "test_clock", "transfer_data", "trial_end",
        "trial_start",
    )  # fmt: skip
    return {
        **dict.fromkeys(nothing),
        "object": "subscription",
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "livemode": False,
        "payment_settings": {
            "payment_method_options": None, "payment_method_types": None, "save_default_payment_method": "off",
        },
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    }  # fmt: skip


def first_invoice(books: Books, subscription: Thing, intent: Thing) -> Thing:
    invoice = invoices.make(books, subscription, "subscription_create", intent)
    changes = {"latest_invoice": invoice["id"], "default_payment_method": intent["payment_method"]}
    books.put({**subscription, **changes})
    return invoice


def started(books: Books, subscription: Thing, invoice: Thing) -> None:
    books.happened("customer.subscription.created", books.find("subscription", subscription["id"]))


def renew(books: Books, subscription_id: str, *, paid: bool = True) -> Thing:
    """The next period begins now, whatever the clock says; a plan that was to end then, ends."""
    before = books.find("subscription", subscription_id)
    if before["status"] in ENDED:
        raise errors.Refusal("This plan has ended.")
    if before["cancel_at_period_end"]:
        return end(books, before)
    items = [_renewed(item) for item in before["items"]["data"]]
    changed = {**before, "items": {**before["items"], "data": items}, "status": "active" if paid else "past_due"}
    intent = payments.make(books, sum(_cost(item) for item in items), before["currency"], customer=before["customer"])
    intent = payments.succeed(books, intent) if paid else payments.decline(books, intent)
    invoice = invoices.make(books, changed, "subscription_cycle", intent)
    changed["latest_invoice"] = invoice["id"]
    books.happened("customer.subscription.updated", books.put(changed), before)
    (invoices.paid if paid else invoices.failed)(books, invoice)
    return changed


def _renewed(item: Thing) -> Thing:
    end_of_this = item["current_period_end"]
    until = _next(end_of_this, item["price"]["recurring"])
    return {**item, "current_period_start": end_of_this, "current_period_end": until}


def _cost(item: Thing) -> int:
    return int(item["price"]["unit_amount"] * item["quantity"])


def overdue(books: Books, invoice: Thing) -> None:
    """A first debit that came back."""
    before = books.find("subscription", invoice["parent"]["subscription_details"]["subscription"])
    invoices.failed(books, invoice)
    if before["status"] not in ENDED:
        changed = books.put({**before, "status": "past_due"})
        books.happened("customer.subscription.updated", changed, before)


def end(books: Books, before: Thing) -> Thing:
    """It never comes back; a new one is another plan."""
    if before["status"] in ENDED:
        raise errors.no_such("subscription", before["id"])
    moments = {"canceled_at": before["canceled_at"] or books.now(), "ended_at": books.now()}
    ended = books.put({**before, **moments, **_because("cancellation_requested"), "status": "canceled"})
    books.happened("customer.subscription.deleted", ended)
    return ended


def cancel_at_period_end(books: Books, subscription_id: str, cancel: bool, **more: Any) -> Thing:
    """Or to go on after all."""
    before = books.find("subscription", subscription_id)
    if before["status"] in ENDED:
        raise errors.Refusal("A canceled subscription can only update its cancellation_details and metadata.")
    until = max(item["current_period_end"] for item in before["items"]["data"])
    changes = {
        "cancel_at_period_end": cancel,
        "cancel_at": until if cancel else None,
        "canceled_at": books.now() if cancel else None,
        **_because("cancellation_requested" if cancel else None),
    }
    changed = books.put({**before, **more, **changes})
    books.happened("customer.subscription.updated", changed, before)
    return changed


def _because(reason: str | None) -> Thing:
    return {"cancellation_details": {"comment": None, "feedback": None, "reason": reason}}


def update(call: Call) -> Thing:
    before = call.books.find("subscription", call.id)
    labels = with_metadata(before["metadata"], dict(call.given))
    if "cancel_at_period_end" in call.given:
        return cancel_at_period_end(call.books, call.id, call.given["cancel_at_period_end"], metadata=labels)
    changed = call.books.put({**before, "metadata": labels})
    call.books.happened("customer.subscription.updated", changed, before)
    return changed


def cancel(call: Call) -> Thing:
    return end(call.books, call.books.find("subscription", call.id))


def list_subscriptions(call: Call) -> Thing:
    """Ended ones only for who asks for them."""
    status = call.given.get("status")
    having = {"customer": call.given["customer"]} if "customer" in call.given else {}
    found = [
        plan for plan in call.books.every("subscription", **having)
        if status in ("all", plan["status"]) or (status is None and plan["status"] not in ENDED)
    ]  # fmt: skip
    return page("/v1/subscriptions", found, call.given)


TAKES: dict[str, Check] = {"cancel_at_period_end": flag, "metadata": metadata}
CANCEL_TAKES: dict[str, Check] = {
    "invoice_now": flag, "prorate": flag, "cancellation_details": Shape(comment=Text(), feedback=Text()),
}  # fmt: skip
LIST_TAKES: dict[str, Check] = {**PAGE, "customer": Text(), "status": Text()}
rows = [
    Row("GET", "/v1/subscriptions", list_subscriptions, LIST_TAKES),
    Row("GET", "/v1/subscriptions/{id}", retrieve("subscription")),
    Row("POST", "/v1/subscriptions/{id}", update, TAKES),
    Row("DELETE", "/v1/subscriptions/{id}", cancel, CANCEL_TAKES),
]
