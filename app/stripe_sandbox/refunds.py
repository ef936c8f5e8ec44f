"""Money back: all of it, a part, and the rare one that does not arrive."""

from __future__ import annotations

from typing import Any

from app.stripe_sandbox import errors, money
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, listing, retrieve
from app.stripe_sandbox.parameters import Check, OneOf, Text, Whole, metadata, with_metadata
from app.stripe_sandbox.shelf import Thing


def make(books: Books, charge: Thing, amount: int | None = None, **given: Any) -> Thing:
    left = charge["amount_captured"] - charge["amount_refunded"]
    wanted = left if amount is None else amount
    if charge["refunded"]:
        raise errors.wrong("", f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if charge["status"] != "succeeded":
        raise errors.wrong("", f"The charge {charge['id']} cannot be refunded: it is {charge['status']}.")
    if wanted > left:
        message = f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})"
        raise errors.wrong("amount", message)
    money.require_payable(wanted, charge["currency"], "amount")
    refund = {
        "id": books.new_id("re"),
        "object": "refund",
        "amount": wanted,
        "balance_transaction": books.new_id("txn"),
        "charge": charge["id"],
        "created": books.now(),
        "currency": charge["currency"],
        "destination_details": None,
        "metadata": with_metadata({}, given),
        "payment_intent": charge["payment_intent"],
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    books.happened("refund.created", books.put(refund))
    total = charge["amount_refunded"] + wanted
    changed = {**charge, "amount_refunded": total, "refunded": total == charge["amount_captured"]}
    books.happened("charge.refunded", books.put(changed), charge)
    return refund


def fail(books: Books, refund_id: str) -> Thing:
    """The bank sent it back: the charge counts as paid again by that much."""
    before = books.find("refund", refund_id)
    if before["status"] == "failed":
        raise errors.Refusal("This refund has failed already.")
    charge = books.find("charge", before["charge"])
    books.put({**charge, "amount_refunded": charge["amount_refunded"] - before["amount"], "refunded": False})
    reason = {"failure_reason": "unknown", "failure_balance_transaction": books.new_id("txn")}
    refund = books.put({**before, **reason, "status": "failed"})
    books.happened("refund.updated", refund, before)
    books.happened("refund.failed", refund)
    return refund


def charge_of(books: Books, given: Any) -> Thing:
    if ("charge" in given) == ("payment_intent" in given):
        raise errors.Refusal(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    if "charge" in given:
        return books.find("charge", given["charge"], param="charge")
    intent = books.find("payment_intent", given["payment_intent"], param="payment_intent")
    if not intent["latest_charge"]:
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise errors.Refusal(message, code="missing", param="payment_intent")
    return books.find("charge", intent["latest_charge"])


def create(call: Call) -> Thing:
    given = {name: value for name, value in call.given.items() if name in ("amount", "reason", "metadata")}
    return make(call.books, charge_of(call.books, call.given), **given)


def update(call: Call) -> Thing:
    before = call.books.find("refund", call.id)
    refund = call.books.put({**before, "metadata": with_metadata(before["metadata"], dict(call.given))})
    call.books.happened("refund.updated", refund, before)
    return refund


TAKES: dict[str, Check] = {
    "charge": Text(),
    "payment_intent": Text(),
    "amount": Whole(1),
    "reason": OneOf("duplicate", "fraudulent", "requested_by_customer"),
    "metadata": metadata,
}
rows = [
    Row("POST", "/v1/refunds", create, TAKES),
    listing("/v1/refunds", "refund", charge=Text(), payment_intent=Text()),
    Row("GET", "/v1/refunds/{id}", retrieve("refund")),
    Row("POST", "/v1/refunds/{id}", update, {"metadata": metadata}),
]
