"""What a buyer does on the hosted page: pay, be declined, or pay by a debit that is settled days later."""

from __future__ import annotations

from enum import StrEnum

from app.stripe_sandbox import customers, errors, invoices, payments, subscriptions
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.offers import customer_details
from app.stripe_sandbox.payment_methods import BANK
from app.stripe_sandbox.shelf import Thing


class Pay(StrEnum):
    CARD = "card"
    DECLINED = "declined"
    DEBIT_SUCCEEDS = "debit_succeeds"
    DEBIT_FAILS = "debit_fails"


def pay(books: Books, session_id: str, how: Pay = Pay.CARD, email: str = "") -> Thing:
    """The session as it is afterwards; a declined card is a refusal, and the session stays open."""
    session = books.find("checkout.session", session_id)
    if session["status"] != "open":
        raise errors.Refusal(f"This Checkout Session is {session['status']}.")
    session = _known(books, session, email)
    if session["amount_total"] == 0 and session["mode"] == "payment":
        return _complete(books, session, "no_payment_required")
    intent = _intent(books, session)
    session = books.put({**session, "_payment_intent": intent["id"]})
    if how is Pay.DECLINED:
        payments.decline(books, intent)
        raise errors.declined()
    if how is Pay.CARD:
        return _paid(books, session, payments.succeed(books, intent))
    return _debited(books, {**session, "_debit": how}, payments.begin_debit(books, intent))


def _known(books: Books, session: Thing, email: str) -> Thing:
    """A subscription needs a customer, and so does whoever asked for one."""
    email = (session["customer_details"] or {}).get("email") or email or "buyer@example.com"
    known = {**session, "customer_details": customer_details(email)}
    if session["customer"] is None and (session["mode"] == "subscription" or session["customer_creation"] == "always"):
        known["customer"] = customers.make(books, email=email)["id"]
    return known


def _intent(books: Books, session: Thing) -> Thing:
    """One for the session, however often it is tried."""
    found = books.shelf.find(session["_payment_intent"] or "", "payment_intent")
    wishes = session["_payment_intent_data"]
    return found or payments.make(
        books, session["amount_total"], session["currency"], customer=session["customer"], **wishes
    )


def _paid(books: Books, session: Thing, intent: Thing) -> Thing:
    if session["mode"] == "payment":
        return _complete(books, session, "paid", payment_intent=intent["id"])
    subscription = subscriptions.begin(books, session)
    invoice = subscriptions.first_invoice(books, subscription, intent)
    done = _complete(books, session, "paid", subscription=subscription["id"], invoice=invoice["id"])
    subscriptions.started(books, subscription, invoice)
    invoices.paid(books, invoice)
    return done


def _debited(books: Books, session: Thing, intent: Thing) -> Thing:
    """Complete, and not yet paid."""
    if session["mode"] == "payment":
        return _complete(books, session, "unpaid", payment_intent=intent["id"])
    subscription = subscriptions.begin(books, session)
    invoice = subscriptions.first_invoice(books, subscription, intent)
    done = _complete(books, session, "unpaid", subscription=subscription["id"], invoice=invoice["id"])
    subscriptions.started(books, subscription, invoice)
    return done


def _complete(books: Books, session: Thing, payment_status: str, **links: str) -> Thing:
    changes = {"status": "complete", "payment_status": payment_status, "url": None}
    done = books.put({**session, **links, **changes})
    books.happened("checkout.session.completed", done)
    return done


def finish_debit(books: Books, session_id: str, *, succeeds: bool | None = None) -> Thing:
    """As the buyer chose on the page, or otherwise if told so."""
    session = books.find("checkout.session", session_id)
    intent = books.shelf.find(session["_payment_intent"] or "", "payment_intent")
    if intent is None or intent["status"] != "processing":
        raise errors.Refusal("No bank debit of this Checkout Session is on its way.")
    invoice = books.shelf.find(session["invoice"] or "", "invoice")
    if session["_debit"] == Pay.DEBIT_SUCCEEDS if succeeds is None else succeeds:
        payments.succeed(books, intent, BANK)
        session = books.put({**session, "payment_status": "paid"})
        books.happened("checkout.session.async_payment_succeeded", session)
        if invoice:
            invoices.paid(books, invoice)
    else:
        payments.bounce(books, intent)
        books.happened("checkout.session.async_payment_failed", session)
        if invoice:
            subscriptions.overdue(books, invoice)
    return session


def debits_on_their_way(books: Books) -> list[Thing]:
    waiting = {intent["id"] for intent in books.every("payment_intent", status="processing")}
    return [session for session in books.every("checkout.session") if session["_payment_intent"] in waiting]
