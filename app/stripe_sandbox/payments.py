"""Payment intents and their charges: one that works, one that is declined, one that takes days."""

from __future__ import annotations

from typing import Any

from app.stripe_sandbox import payment_methods
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, listing, retrieve
from app.stripe_sandbox.parameters import Check, Text, metadata, with_metadata
from app.stripe_sandbox.payment_methods import BANK, CARD, DECLINED_CARD
from app.stripe_sandbox.shelf import Thing

DECLINED: Thing = {
    "code": "card_declined", "decline_code": "generic_decline", "message": "Your card was declined.",
    "type": "card_error",
}  # fmt: skip
BOUNCED: Thing = {
    "code": "payment_method_provider_decline", "message": "The bank returned the debit.", "type": "card_error",
}  # fmt: skip


def make(books: Books, amount: int, currency: str, **given: Any) -> Thing:
    identifier = books.new_id("pi")
    intent = {
        "id": identifier,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": books.new_id(f"{identifier}_secret"),
        "confirmation_method": "automatic",
        "created": books.now(),
        "currency": currency,
        "customer": given.get("customer"),
        "description": given.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": given.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": [CARD, BANK],
        "processing": None,
        "receipt_email": given.get("receipt_email"),
        "review": None,
        "setup_future_usage": given.get("setup_future_usage"),
        "shipping": given.get("shipping"),
        "statement_descriptor": None,
        "statement_descriptor_suffix": given.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    books.happened("payment_intent.created", books.put(intent))
    return intent


def succeed(books: Books, intent: Thing, kind: str = CARD) -> Thing:
    """By a charge of its own, or by the one that was pending."""
    charge = _charge(books, intent, kind, {
        "status": "succeeded", "paid": True, "captured": True, "amount_captured": intent["amount"],
        "balance_transaction": books.new_id("txn"), "outcome": _outcome("authorized"),
    })  # fmt: skip
    books.happened("charge.succeeded", charge)
    return _move(books, intent, charge, "succeeded", amount_received=intent["amount"], last_payment_error=None)


def decline(books: Books, intent: Thing) -> Thing:
    charge = _charge(books, intent, CARD, {
        "status": "failed", "failure_code": "card_declined", "failure_message": DECLINED["message"],
        "outcome": _outcome("issuer_declined"),
    }, last4=DECLINED_CARD)  # fmt: skip
    books.happened("charge.failed", charge)
    intent = {**intent, "latest_charge": charge["id"], "last_payment_error": DECLINED}
    books.happened("payment_intent.payment_failed", books.put(intent))
    return intent


def begin_debit(books: Books, intent: Thing) -> Thing:
    charge = _charge(books, intent, BANK, {"status": "pending", "outcome": _outcome("authorized")})
    books.happened("charge.pending", charge)
    return _move(books, intent, charge, "processing")


def bounce(books: Books, intent: Thing) -> Thing:
    charge = _charge(books, intent, BANK, {
        "status": "failed", "failure_code": BOUNCED["code"], "failure_message": BOUNCED["message"],
    })  # fmt: skip
    books.happened("charge.failed", charge)
    intent = {**intent, "status": "requires_payment_method", "payment_method": None, "last_payment_error": BOUNCED}
    books.happened("payment_intent.payment_failed", books.put(intent))
    return intent


def _move(books: Books, intent: Thing, charge: Thing, status: str, **more: Any) -> Thing:
    changes = {"latest_charge": charge["id"], "payment_method": charge["payment_method"], "status": status, **more}
    moved = books.put({**intent, **changes})
    books.happened(f"payment_intent.{status}", moved)
    return moved


def _charge(books: Books, intent: Thing, kind: str, changes: Thing, *, last4: str = "4242") -> Thing:
    """The pending one goes on; else there is a new one for each try."""
    pending = books.shelf.find(intent["latest_charge"] or "", "charge")
    if pending and pending["status"] == "pending":
        return books.put({**pending, **changes})
    chosen = books.shelf.find(intent["payment_method"] or "", "payment_method")
    method = chosen or payment_methods.make(books, kind, last4=last4, customer=intent["customer"])
    return books.put({**_blank_charge(books, intent, method), **changes})


def _blank_charge(books: Books, intent: Thing, method: Thing) -> Thing:
    customer = books.shelf.find(intent["customer"] or "", "customer")
    nothing = (
        "application", "application_fee", "application_fee_amount", "balance_transaction",
        "failure_balance_transaction", "failure_code", "failure_message", "on_behalf_of", "outcome", "receipt_number",
        "receipt_url", "review",
        "shipping", "source_transfer", "statement_descriptor", "transfer_data", "transfer_group",
    )  # fmt: skip
    return {
        **dict.fromkeys(nothing),
        "id": books.new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "billing_details": payment_methods.billing_details(customer["email"] if customer else None),
        "calculated_statement_descriptor": "PROME SANDBOX",
        "captured": False,
        "created": books.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _remembered(method),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "pending",
    }


def _remembered(method: Thing) -> Thing:
    return {"type": method["type"], method["type"]: method[method["type"]]}


def _outcome(kind: str) -> Thing:
    fine = kind == "authorized"
    return {
        "network_status": "approved_by_network" if fine else "declined_by_network",
        "reason": None if fine else "generic_decline",
        "risk_level": "normal",
        "seller_message": "Payment complete." if fine else "The bank did not return any further details.",
        "type": kind,
    }


def _update(kind: str, event: str) -> Any:
    def do(call: Call) -> Thing:
        before = call.books.find(kind, call.id)
        plain = {name: call.given[name] for name in ("description",) if name in call.given}
        thing = {**before, **plain, "metadata": with_metadata(before["metadata"], dict(call.given))}
        if event:
            call.books.happened(event, thing, before)
        return call.books.put(thing)

    return do


CHANGES: dict[str, Check] = {"metadata": metadata, "description": Text(1000)}
rows = [
    listing("/v1/payment_intents", "payment_intent", customer=Text()),
    Row("GET", "/v1/payment_intents/{id}", retrieve("payment_intent")),
    Row("POST", "/v1/payment_intents/{id}", _update("payment_intent", ""), CHANGES),
    listing("/v1/charges", "charge", customer=Text(), payment_intent=Text()),
    Row("GET", "/v1/charges/{id}", retrieve("charge")),
    Row("POST", "/v1/charges/{id}", _update("charge", "charge.updated"), CHANGES),
]
