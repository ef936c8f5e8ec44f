"""The page on which one looks after a plan: who may open it, and where it leads back to."""

from __future__ import annotations

from app.stripe_sandbox import errors
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row
from app.stripe_sandbox.parameters import Check, Must, Text, address
from app.stripe_sandbox.shelf import Thing

CONFIGURATION = "bpc_sandbox"
OPEN_SECONDS = 60 * 60


def create(call: Call) -> Thing:
    books = call.books
    customer = books.find("customer", call.given["customer"], param="customer")
    identifier = books.new_id("bps")
    session = {
        "id": identifier,
        "object": "billing_portal.session",
        "configuration": CONFIGURATION,
        "created": books.now(),
        "customer": customer["id"],
        "customer_account": None,
        "flow": None,
        "livemode": False,
        "locale": call.given.get("locale"),
        "on_behalf_of": None,
        "return_url": call.given.get("return_url"),
        "url": f"{call.base_url}/p/session/{identifier}",
    }
    return books.put(session)


def opened(books: Books, identifier: str) -> Thing:
    session = books.find("billing_portal.session", identifier)
    if books.now() - session["created"] > OPEN_SECONDS:
        raise errors.Refusal("This page has expired. Go back and open it again.", status=410)
    return session


TAKES: dict[str, Check] = {
    "customer": Must(Text()), "return_url": address, "locale": Text(10), "configuration": Text(),
}  # fmt: skip
rows = [Row("POST", "/v1/billing_portal/sessions", create, TAKES)]
