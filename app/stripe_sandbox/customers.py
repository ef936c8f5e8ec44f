"""Who pays."""

from __future__ import annotations

from typing import Any

from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, listing, retrieve
from app.stripe_sandbox.parameters import Check, Text, email, metadata, with_metadata
from app.stripe_sandbox.shelf import Thing

TAKES: dict[str, Check] = {
    "email": email,
    "name": Text(256),
    "phone": Text(20),
    "description": Text(),
    "metadata": metadata,
}


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
    return make(call.books, **call.given)


def update(call: Call) -> Thing:
    before = call.books.find("customer", call.id)
    plain = {name: value for name, value in call.given.items() if name not in ("expand", "metadata")}
    customer: Thing = {**before, **plain, "metadata": with_metadata(before["metadata"], dict(call.given))}
    call.books.happened("customer.updated", call.books.put(customer), before)
    return customer


rows = [
    Row("POST", "/v1/customers", create, TAKES),
    listing("/v1/customers", "customer", email=email),
    Row("GET", "/v1/customers/{id}", retrieve("customer")),
    Row("POST", "/v1/customers/{id}", update, TAKES),
]
