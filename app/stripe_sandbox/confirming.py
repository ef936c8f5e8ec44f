"""Paying without the page, as Stripe's CLI does it: with its test cards, and with an account number that fails."""

from __future__ import annotations

from app.stripe_sandbox import checkout, disputes, errors, invoices, payment_methods, payments, subscriptions
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, retrieve
from app.stripe_sandbox.checkout import Pay
from app.stripe_sandbox.parameters import Check, Many, Must, Shape, Text, Whole, currency, email, flag, metadata
from app.stripe_sandbox.payment_methods import CARD, Behaviour
from app.stripe_sandbox.shelf import Thing


def create_intent(call: Call) -> Thing:
    books, given = call.books, dict(call.given)
    wishes = {name: given[name] for name in ("customer", "description", "metadata", "receipt_email") if name in given}
    intent = payments.make(books, given["amount"], given["currency"], **wishes)
    if "payment_method" in given:
        method = payment_methods.named(books, given["payment_method"])
        intent = books.put({**intent, "payment_method": method["id"], "status": "requires_confirmation"})
    return _confirmed(books, intent) if given.get("confirm") else intent


def confirm_intent(call: Call) -> Thing:
    intent = call.books.find("payment_intent", call.id)
    if "payment_method" in call.given:
        method = payment_methods.named(call.books, call.given["payment_method"])
        intent = call.books.put({**intent, "payment_method": method["id"]})
    return _confirmed(call.books, intent)


def _confirmed(books: Books, intent: Thing) -> Thing:
    if intent["status"] not in ("requires_payment_method", "requires_confirmation") or not intent["payment_method"]:
        message = f"This PaymentIntent's status is {intent['status']}, and it cannot be confirmed."
        raise errors.wrong("", message, "payment_intent_unexpected_state")
    method = books.find("payment_method", intent["payment_method"])
    how = method.get("_behaves", Behaviour.FINE)
    if method["type"] != CARD:
        begun = payments.begin_debit(books, intent)
        return payments.bounce(books, begun) if how == Behaviour.DECLINED else payments.succeed(books, begun)
    if how == Behaviour.DECLINED:
        failed = payments.decline(books, {**intent, "payment_method": None, "status": "requires_payment_method"})
        raise errors.declined(charge=failed["latest_charge"])
    paid = payments.succeed(books, intent)
    if how in (Behaviour.DISPUTED, Behaviour.INQUIRED):
        charge = books.find("charge", paid["latest_charge"])
        disputes.make(books, charge, inquiry=how == Behaviour.INQUIRED)
    return paid


def confirm_page(call: Call) -> Thing:
    """As the button on the page; a debit is settled at once, because nobody of the CLI waits for it."""
    books, session = call.books, call.books.find("checkout.session", call.id)
    if call.given.get("expected_amount", session["amount_total"]) != session["amount_total"]:
        raise errors.wrong("expected_amount", "The amount is not what was expected.", "checkout_amount_mismatch")
    method = payment_methods.named(books, call.given["payment_method"])
    fails = method.get("_behaves") == Behaviour.DECLINED
    if method["type"] == CARD:
        return checkout.pay(books, session["id"], Pay.DECLINED if fails else Pay.CARD)
    checkout.pay(books, session["id"], Pay.DEBIT_FAILS if fails else Pay.DEBIT_SUCCEEDS)
    return checkout.finish_debit(books, session["id"])


def create_subscription(call: Call) -> Thing:
    books, given = call.books, dict(call.given)
    customer = books.find("customer", given["customer"], param="customer")
    lines = [_line(books, item, number) for number, item in enumerate(given["items"])]
    if not lines:
        raise errors.missing("items")
    begun = subscriptions.make(books, customer["id"], lines, metadata=given.get("metadata", {}))
    total = sum(line["price"]["unit_amount"] * line["quantity"] for line in lines)
    intent = payments.succeed(books, payments.make(books, total, begun["currency"], customer=customer["id"]))
    invoice = subscriptions.first_invoice(books, begun, intent)
    subscriptions.started(books, begun, invoice)
    invoices.paid(books, invoice)
    return books.find("subscription", begun["id"])


def _line(books: Books, item: Thing, number: int) -> Thing:
    price = books.find("price", item["price"], param=f"items[{number}][price]")
    if not price["recurring"]:
        raise errors.wrong(f"items[{number}][price]", "The price must be recurring.")
    return {"price": price, "quantity": item.get("quantity", 1)}


INTENT_TAKES: dict[str, Check] = {
    "amount": Must(Whole(50, 99_999_999)),
    "currency": Must(currency),
    "customer": Text(),
    "payment_method": Text(),
    "payment_method_types": Many(Text()),
    "confirm": flag,
    "description": Text(1000),
    "receipt_email": email,
    "shipping": payment_methods.SHIPPING,
    "metadata": metadata,
}
SUBSCRIPTION_TAKES: dict[str, Check] = {
    "customer": Must(Text()),
    "items": Must(Many(Shape(price=Must(Text()), quantity=Whole(1, 999_999)), 20)),
    "default_payment_method": Text(),
    "metadata": metadata,
}
PAGE_TAKES: dict[str, Check] = {"payment_method": Must(Text()), "expected_amount": Whole()}
rows = [
    Row("POST", "/v1/payment_intents", create_intent, INTENT_TAKES),
    Row("POST", "/v1/payment_intents/{id}/confirm", confirm_intent, {"payment_method": Text()}),
    Row("GET", "/v1/payment_pages/{id}", retrieve("checkout.session")),
    Row("POST", "/v1/payment_pages/{id}/confirm", confirm_page, PAGE_TAKES),
    Row("POST", "/v1/subscriptions", create_subscription, SUBSCRIPTION_TAKES),
]
