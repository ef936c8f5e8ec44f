"""What one pays with: a card that works, a card that does not, or a bank account that takes its time."""

from __future__ import annotations

from enum import StrEnum

from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, listing, retrieve
from app.stripe_sandbox.parameters import Check, Must, OneOf, Shape, Text, Whole, email, metadata, with_metadata
from app.stripe_sandbox.shelf import Thing

CARD, BANK = "card", "us_bank_account"
DECLINED_CARD = "0002"
FAILING_IBAN = "IT60X0542811101000000123456"


class Behaviour(StrEnum):
    FINE = "fine"
    DECLINED = "declined"
    DISPUTED = "disputed"
    INQUIRED = "inquired"


# Stripe has these for everybody's tests; of all of them only what they do to a payment matters here.
TEST_CARDS = {
    "chargeDeclined": Behaviour.DECLINED,
    "visa_chargeDeclined": Behaviour.DECLINED,
    "chargeCustomerFail": Behaviour.DECLINED,
    "createDispute": Behaviour.DISPUTED,
    "createDisputeInquiry": Behaviour.INQUIRED,
    **dict.fromkeys(("visa", "visa_debit", "mastercard", "amex", "discover", "us", "bypassPending"), Behaviour.FINE),
}
ADDRESS = Shape(line1=Text(), line2=Text(), city=Text(), state=Text(), postal_code=Text(), country=Text(2))
SHIPPING = Shape(name=Must(Text()), address=Must(ADDRESS), phone=Text(), carrier=Text(), tracking_number=Text())


def make(books: Books, kind: str = CARD, *, last4: str = "4242", customer: str | None = None) -> Thing:
    return books.put(
        {
            "id": books.new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(),
            kind: details(kind, last4)[kind],
            "created": books.now(),
            "customer": customer,
            "livemode": False,
            "metadata": {},
            "type": kind,
        }
    )


def details(kind: str, last4: str) -> Thing:
    """As a payment method and as what a charge remembers of it."""
    if kind != CARD:
        bank = {"account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK"}
        return {"type": kind, kind: {**bank, "fingerprint": None, "last4": "6789", "routing_number": "110000000"}}
    card = {"brand": "visa", "country": "US", "exp_month": 12, "exp_year": 2034, "fingerprint": None}
    return {"type": CARD, CARD: {**card, "funding": "credit", "last4": last4}}


def billing_details(address_of: str | None = None) -> Thing:
    return {"address": None, "email": address_of, "name": None, "phone": None, "tax_id": None}


def named(books: Books, identifier: str, *, param: str = "payment_method") -> Thing:
    """One of the customer's, or one of Stripe's test cards, which is made when it is named."""
    card = identifier.removeprefix("pm_card_")
    if identifier.startswith("pm_card_") and card in TEST_CARDS:
        return books.put({**make(books), "_behaves": TEST_CARDS[card]})
    return books.find("payment_method", identifier, param=param)


def create(call: Call) -> Thing:
    kind = CARD if call.given["type"] == CARD else BANK
    number = call.given.get("card", {}).get("number", "4242")
    fails = number.endswith(DECLINED_CARD) or call.given.get("sepa_debit", {}).get("iban") == FAILING_IBAN
    method = {
        **make(call.books, kind, last4=number[-4:]),
        "metadata": with_metadata({}, dict(call.given)),
        "_behaves": Behaviour.DECLINED if fails else Behaviour.FINE,
    }
    return call.books.put(method)


def attach(call: Call) -> Thing:
    before = named(call.books, call.id, param="id")
    customer = call.books.find("customer", call.given["customer"], param="customer")
    method = call.books.put({**before, "customer": customer["id"]})
    call.books.happened("payment_method.attached", method)
    return method


TAKES: dict[str, Check] = {
    "type": Must(OneOf("card", "us_bank_account", "sepa_debit")),
    "card": Shape(number=Text(19), exp_month=Whole(1, 12), exp_year=Whole(0, 9999), cvc=Text(4), token=Text()),
    "us_bank_account": Shape(account_holder_type=Text(), account_number=Text(), routing_number=Text()),
    "sepa_debit": Shape(iban=Text()),
    "billing_details": Shape(email=email, name=Text(), phone=Text(), address=ADDRESS),
    "metadata": metadata,
}
PATH = "/v1/payment_methods"
rows = [
    Row("POST", PATH, create, TAKES),
    listing(PATH, "payment_method", customer=Text(), type=Text()),
    Row("GET", PATH + "/{id}", retrieve("payment_method")),
    Row("POST", PATH + "/{id}/attach", attach, {"customer": Must(Text())}),
]
