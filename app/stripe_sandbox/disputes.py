"""A buyer's bank takes the money back; later it is given back, or gone."""

from __future__ import annotations

from app.stripe_sandbox import errors
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, listing, retrieve
from app.stripe_sandbox.parameters import Text, metadata, with_metadata
from app.stripe_sandbox.shelf import Thing

ANSWER_SECONDS = 9 * 86_400
EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def make(books: Books, charge: Thing, *, inquiry: bool = False) -> Thing:
    """An inquiry asks first and takes nothing yet."""
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise errors.Refusal("This charge cannot be disputed.")
    dispute = {
        "id": books.new_id("dp"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": books.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": books.now() + ANSWER_SECONDS, "enhanced_eligibility": {}, "has_evidence": False,
            "past_due": False, "submission_count": 0, "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": "warning_needs_response" if inquiry else "needs_response",
    }  # fmt: skip
    books.put({**charge, "disputed": True})
    books.happened("charge.dispute.created", books.put(dispute))
    if not inquiry:
        books.happened("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close(books: Books, dispute_id: str, *, won: bool) -> Thing:
    before = books.find("dispute", dispute_id)
    if before["status"] not in ("needs_response", "under_review", "warning_needs_response"):
        raise errors.Refusal("This dispute is closed.")
    asked_only = before["status"] == "warning_needs_response"
    status = "warning_closed" if asked_only else "won" if won else "lost"
    dispute = books.put({**before, "status": status})
    books.happened("charge.dispute.updated", dispute, before)
    if status == "won":
        books.happened("charge.dispute.funds_reinstated", dispute)
    books.happened("charge.dispute.closed", dispute)
    return dispute


def update(call: Call) -> Thing:
    before = call.books.find("dispute", call.id)
    dispute = call.books.put({**before, "metadata": with_metadata(before["metadata"], dict(call.given))})
    call.books.happened("charge.dispute.updated", dispute, before)
    return dispute


rows = [
    listing("/v1/disputes", "dispute", charge=Text(), payment_intent=Text()),
    Row("GET", "/v1/disputes/{id}", retrieve("dispute")),
    Row("POST", "/v1/disputes/{id}", update, {"metadata": metadata}),
    Row("POST", "/v1/disputes/{id}/close", lambda call: close(call.books, call.id, won=False)),
]
