"""Who pays."""

from __future__ import annotations

from typing import Any

from app.stripe_sandbox import payment_methods
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, listing, retrieve
from app.stripe_sandbox.parameters import Check, Shape, Text, email, metadata, with_metadata
from app.stripe_sandbox.shelf import Thing

TAKES: dict[str, Check] = {
    "email": email,
    "name": Text(256),
    "phone": Text(20),
    "description": Text(),
    "metadata": metadata,
    "invoice_settings": Shape(default_payment_method=Text()),
}
CREATE_TAKES: dict[str, Check] = {**TAKES, "payment_method": Text(), "source": Text()}
PLAIN = ("email", "name", "phone", "description")


def make(books: Books, **given: Any) -> Thing:
    customer: Thing = {
        "id": books.new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": books.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": given.get("description"),
        "discount": None,
        "email": given.get("email"),
        "invoice_prefix": books.new_id("X", 7)[2:].upper(),
        "invoice_settings": dict.fromkeys(
            ("custom_fields", "default_payment_method", "footer", "rendering_options"),
        ),
        "livemode": False,
        "metadata": with_metadata({}, given),
        "name": given.get("name"),
        "next_invoice_sequence": 1,
        "phone": given.get("phone"),
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    books.happened("customer.created", books.put(customer))
    return customer


def create(call: Call) -> Thing:
    """A way to pay may come along, which is then the one for invoices."""
    customer = make(call.books, **call.given)
    if "payment_method" not in call.given:
        return customer
    method = payment_methods.named(call.books, call.given["payment_method"])
    attached = call.books.put({**method, "customer": customer["id"]})
    call.books.happened("payment_method.attached", attached)
    chosen = {**customer["invoice_settings"], "default_payment_method": attached["id"]}
    return call.books.put({**customer, "invoice_settings": chosen})


def update(call: Call) -> Thing:
    before = call.books.find("customer", call.id)
    customer: Thing = {
        **before,
        **{name: call.given[name] for name in PLAIN if name in call.given},
        "invoice_settings": {**before["invoice_settings"], **call.given.get("invoice_settings", {})},
        "metadata": with_metadata(before["metadata"], dict(call.given)),
    }
    call.books.happened("customer.updated", call.books.put(customer), before)
    return customer


rows = [
    Row("POST", "/v1/customers", create, CREATE_TAKES),
    listing("/v1/customers", "customer", email=email),
    Row("GET", "/v1/customers/{id}", retrieve("customer")),
    Row("POST", "/v1/customers/{id}", update, TAKES),
]
