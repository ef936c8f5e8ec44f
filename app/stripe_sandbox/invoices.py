"""What a plan costs for one period, and whether it was paid."""

from __future__ import annotations

from app.stripe_sandbox import errors
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, page, retrieve, whole
from app.stripe_sandbox.parameters import PAGE, Check, OneOf, Shape, Text
from app.stripe_sandbox.shelf import Thing


def make(books: Books, subscription: Thing, reason: str, intent: Thing) -> Thing:
    """Finalised at once; what pays it stands in its payments, as it does since basil."""
    customer = books.find("customer", subscription["customer"])
    item = subscription["items"]["data"][0]
    total = sum(each["price"]["unit_amount"] * each["quantity"] for each in subscription["items"]["data"])
    number = customer["next_invoice_sequence"]
    books.put({**customer, "next_invoice_sequence": number + 1})
    identifier = books.new_id("in")
    invoice = {
        **_blank(),
        "id": identifier,
        "amount_due": total,
        "amount_remaining": total,
        "billing_reason": reason,
        "created": books.now(),
        "currency": subscription["currency"],
        "customer": customer["id"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "effective_at": books.now(),
        "lines": whole(f"/v1/invoices/{identifier}/lines", _lines(books, subscription, identifier)),
        "number": f"{customer['invoice_prefix']}-{number:04}",
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": subscription["metadata"], "subscription": subscription["id"]},
            "type": "subscription_details",
        },
        "period_end": item["current_period_start"],
        "period_start": item["current_period_start"],
        "status": "open",
        "status_transitions": {
            "finalized_at": books.now(), "marked_uncollectible_at": None, "paid_at": None, "voided_at": None,
        },
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
    }  # fmt: skip
    payment = _payment(books, invoice, intent)
    books.put({**invoice, "_payment": payment["id"]})
    books.happened("invoice.created", {**invoice, "status": "draft"})
    books.happened("invoice.finalized", invoice)
    return books.find("invoice", identifier)


def _payment(books: Books, invoice: Thing, intent: Thing) -> Thing:
    return books.put(
        {
            "id": books.new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": books.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def _lines(books: Books, subscription: Thing, invoice: str) -> list[Thing]:
    return [_line(books, subscription, item, invoice) for item in subscription["items"]["data"]]


def _line(books: Books, subscription: Thing, item: Thing, invoice: str) -> Thing:
    amount = item["price"]["unit_amount"] * item["quantity"]
    product = books.find("product", item["price"]["product"])
    details = {"price": item["price"]["id"], "product": product["id"]}
    return {
        "id": books.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": subscription["currency"],
        "description": f"{item['quantity']} x {product['name']}",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice,
        "livemode": False,
        "metadata": subscription["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None, "proration": False, "proration_details": {"credited_items": None},
                "subscription": subscription["id"], "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pretax_credit_amounts": [],
        "pricing": {"price_details": details, "type": "price_details",
                    "unit_amount_decimal": item["price"]["unit_amount_decimal"]},
        "quantity": item["quantity"],
        "subtotal": amount,
        "taxes": [],
    }  # fmt: skip


def _blank() -> Thing:
    nothing = (
        "account_name", "account_tax_ids", "application", "automatically_finalizes_at", "custom_fields",
        "customer_address", "customer_phone", "customer_shipping", "default_payment_method", "default_source",
        "description", "due_date", "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf",
        "last_finalization_error", "latest_revision", "next_payment_attempt", "on_behalf_of", "receipt_number",
        "rendering", "shipping_cost", "shipping_details", "statement_descriptor", "test_clock",
        "webhooks_delivered_at",
    )  # fmt: skip
    zero = ("amount_overpaid", "amount_paid", "amount_paid_off_stripe", "amount_shipping", "attempt_count",
            "ending_balance", "post_payment_credit_notes_amount", "pre_payment_credit_notes_amount",
            "starting_balance")  # fmt: skip
    return {
        **dict.fromkeys(nothing),
        **dict.fromkeys(zero, 0),
        "object": "invoice",
        "account_country": "US",
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None,
                          "status": None},
        "collection_method": "charge_automatically",
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "livemode": False,
        "metadata": {},
        "payment_settings": dict.fromkeys(("default_mandate", "payment_method_options", "payment_method_types")),
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }  # fmt: skip


def paid(books: Books, invoice: Thing) -> Thing:
    moments = {**invoice["status_transitions"], "paid_at": books.now()}
    done = {
        **invoice, "amount_paid": invoice["amount_due"], "amount_remaining": 0, "attempted": True,
        "attempt_count": invoice["attempt_count"] + 1, "next_payment_attempt": None, "status": "paid",
        "status_transitions": moments,
    }  # fmt: skip
    _settle_payment(books, invoice)
    books.happened("invoice.paid", books.put(done))
    books.happened("invoice.payment_succeeded", done)
    return done


def _settle_payment(books: Books, invoice: Thing) -> None:
    payment = books.find("invoice_payment", invoice["_payment"])
    when = {"canceled_at": None, "paid_at": books.now()}
    changes = {"amount_paid": invoice["amount_due"], "status": "paid", "status_transitions": when}
    books.happened("invoice_payment.paid", books.put({**payment, **changes}))


def failed(books: Books, invoice: Thing) -> Thing:
    if invoice["status"] != "open":
        raise errors.Refusal(f"This invoice is {invoice['status']}.")
    tried = {
        **invoice, "attempted": True, "attempt_count": invoice["attempt_count"] + 1,
        "next_payment_attempt": books.now() + 3 * 86_400,
    }  # fmt: skip
    books.happened("invoice.payment_failed", books.put(tried))
    return tried


def payments(books: Books, invoice: Thing) -> Thing:
    return whole("/v1/invoice_payments", books.every("invoice_payment", invoice=invoice["id"]))


def list_invoices(call: Call) -> Thing:
    having = {name: call.given[name] for name in ("customer", "status") if name in call.given}
    wanted = call.given.get("subscription")
    found = [
        invoice for invoice in call.books.every("invoice", **having)
        if wanted in (None, invoice["parent"]["subscription_details"]["subscription"])
    ]  # fmt: skip
    return page("/v1/invoices", found, call.given)


def list_payments(call: Call) -> Thing:
    """How one finds the invoice that a payment was for, since neither names the other any more."""
    having = {name: call.given[name] for name in ("invoice", "payment", "status") if name in call.given}
    return page("/v1/invoice_payments", call.books.every("invoice_payment", **having), call.given)


LIST_TAKES: dict[str, Check] = {**PAGE, "customer": Text(), "subscription": Text(), "status": Text()}
PAYMENTS_TAKE: dict[str, Check] = {
    **PAGE, "invoice": Text(), "status": Text(),
    "payment": Shape(type=OneOf("payment_intent"), payment_intent=Text()),
}  # fmt: skip
rows = [
    Row("GET", "/v1/invoices", list_invoices, LIST_TAKES),
    Row("GET", "/v1/invoices/{id}", retrieve("invoice")),
    Row("GET", "/v1/invoice_payments", list_payments, PAYMENTS_TAKE),
    Row("GET", "/v1/invoice_payments/{id}", retrieve("invoice_payment")),
]
