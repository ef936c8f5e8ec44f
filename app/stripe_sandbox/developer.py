"""For whoever builds on the till: what happened, what was answered, and buttons for what a buyer cannot press."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.stripe_sandbox import errors, money
from app.stripe_sandbox.errors import Refusal
from app.stripe_sandbox.links import form_of, till_of
from app.stripe_sandbox.markup import Safe, page, tag
from app.stripe_sandbox.pages import in_plain_words
from app.stripe_sandbox.shelf import Thing
from app.stripe_sandbox.till import Fault, Till, Trick

LOOPBACK = ("127.0.0.1", "::1", "testclient")
SHOWN_MAX = 25
Buttons = list[tuple[str, str]]
TRICKS: Buttons = [
    ("drop", "Lose the next webhook"),
    ("duplicate", "Send the next one twice"),
    ("reorder", "Reverse the next ones"),
    ("lose", "Lose all of them"),
    ("listen", "Lose none"),
    ("fail", "Fail the next call to the API"),
]


def _amount(text: str) -> int | None:
    if text and not (text.isascii() and text.isdecimal() and 0 < int(text) < 10**12):
        raise Refusal("Give an amount in cents, or nothing for all of it.")
    return int(text) if text else None


# Every button's name, and what it does to the thing that it stands beside.
DEEDS: dict[str, Callable[[Till, str, str], object]] = {
    "pay": lambda till, thing, _: till.pay(thing),
    "expire": lambda till, thing, _: till.expire(thing),
    "debit_succeeds": lambda till, thing, _: till.finish_debit(thing, succeeds=True),
    "debit_fails": lambda till, thing, _: till.finish_debit(thing, succeeds=False),
    "refund": lambda till, thing, amount: till.refund(thing, _amount(amount)),
    "dispute": lambda till, thing, _: till.dispute(thing),
    "inquire": lambda till, thing, _: till.dispute(thing, inquiry=True),
    "refund_fails": lambda till, thing, _: till.fail_refund(thing),
    "won": lambda till, thing, _: till.close_dispute(thing, won=True),
    "lost": lambda till, thing, _: till.close_dispute(thing, won=False),
    "renew": lambda till, thing, _: till.renew(thing),
    "renewal_fails": lambda till, thing, _: till.renew(thing, paid=False),
    "end": lambda till, thing, _: till.end_plan(thing),
    "resend": lambda till, thing, _: till.resend(thing),
    "resend_as_new": lambda till, thing, _: till.resend(thing, as_new=True),
    "drop": lambda till, *_: till.trick(Trick.DROP),
    "duplicate": lambda till, *_: till.trick(Trick.DUPLICATE),
    "reorder": lambda till, *_: till.trick(Trick.REORDER),
    "lose": lambda till, *_: till.lose_webhooks(),
    "fail": lambda till, *_: till.fail_calls(Fault.ERROR),
    "listen": lambda till, *_: till.lose_webhooks(False),
}


def _require_this_machine(request: Request) -> None:
    if request.client is None or request.client.host not in LOOPBACK:
        raise errors.Refusal("This page is for the machine that the till runs on.", status=404)


@in_plain_words
async def show(request: Request) -> Response:
    _require_this_machine(request)
    till, said = till_of(request), request.query_params.get("said", "")
    tries: dict[str, list[Thing]] = {}
    for delivery in till.deliveries():
        tries.setdefault(delivery["event"], []).append(delivery)
    return page(
        request,
        "Developer",
        tag("h1", "What the sandbox till did"),
        tag("p", said, class_="said", role="status") if said else None,
        tag(
            "div",
            _section("Webhooks", [_row(_on_their_way(till), None, TRICKS)]),
            _section("Events", [_event(each, tries.get(each["id"], [])) for each in _newest(till, "event")]),
        ),
        tag(
            "div",
            _section("Checkouts", [_session(each) for each in _newest(till, "checkout.session")]),
            _section("Payments", [_intent(till, each) for each in _newest(till, "payment_intent")]),
            _section("Refunds", [_refund(each) for each in _newest(till, "refund")]),
            _section("Disputes", [_dispute(each) for each in _newest(till, "dispute")]),
            _section("Plans", [_plan(each) for each in _newest(till, "subscription")]),
        ),
        wide=True,
    )


def _newest(till: Till, kind: str) -> list[Thing]:
    return till.books.every(kind)[:SHOWN_MAX]


@in_plain_words
async def do(request: Request) -> Response:
    _require_this_machine(request)
    form = await form_of(request)
    deed, said = DEEDS.get(form.get("do", "")), "Done."
    if deed is None:
        raise Refusal("There is no such button.")
    try:
        deed(till_of(request), form.get("id", ""), form.get("amount", ""))
    except Refusal as refusal:
        said = str(refusal)
    return RedirectResponse("?" + urlencode({"said": said}), 303)


def _section(title: str, rows: list[Safe]) -> Safe:
    return tag("section", tag("h2", title), *(rows or [tag("p", "Nothing yet.", class_="soft")]), class_="card")


def _row(words: str, identifier: str | None, buttons: Buttons, *more: Safe, amount: bool = False) -> Safe:
    pressed = [
        tag("button", label, name="do", value=name, type="submit", class_="button quiet") for name, label in buttons
    ]
    fields = [tag("input", type="hidden", name="id", value=identifier)] if identifier else []
    if amount:
        placeholder = "Cents; empty: all"
        fields.append(tag("input", name="amount", inputmode="numeric", placeholder=placeholder, aria_label=placeholder))
    form = tag("form", *fields, *pressed, method="post", class_="row") if pressed else None
    name = tag("p", identifier, class_="soft") if identifier else None
    return tag("article", tag("h3", words), name, *more, form)


def _on_their_way(till: Till) -> str:
    waiting = ", ".join(till.tricks) or "none"
    failing = f" Calls that will fail: {len(till.faults)}." if till.faults else ""
    return f"Tricks in store: {waiting}.{failing}" + (" All webhooks are being lost." if till.losing else "")


def _cost(thing: Thing, name: str = "amount") -> str:
    return money.spoken(thing[name], thing["currency"])


def _session(session: Thing) -> Safe:
    buttons = [("pay", "Pay by card"), ("expire", "Let it expire")] if session["status"] == "open" else []
    if session["status"] == "complete" and session["payment_status"] == "unpaid":
        buttons = [("debit_succeeds", "The debit succeeds"), ("debit_fails", "The debit fails")]
    words = f"{_cost(session, 'amount_total')} · {session['mode']} · {session['status']}, {session['payment_status']}"
    return _row(words, session["id"], buttons)


def _intent(till: Till, intent: Thing) -> Safe:
    charge = till.books.shelf.find(intent["latest_charge"] or "", "charge")
    words = f"{_cost(intent)} · {intent['status']}"
    if charge is None or charge["status"] != "succeeded":
        return _row(words, intent["id"], [])
    words += f", {_cost(charge, 'amount_refunded')} refunded"
    buttons = [] if charge["refunded"] else [("refund", "Refund")]
    disputes = [] if charge["disputed"] else [("dispute", "Dispute"), ("inquire", "Ask first (inquiry)")]
    return _row(words, intent["id"], [*buttons, *disputes], amount=bool(buttons))


def _refund(refund: Thing) -> Safe:
    buttons = [("refund_fails", "The bank sends it back")] if refund["status"] == "succeeded" else []
    return _row(f"{_cost(refund)} · {refund['status']}", refund["id"], buttons)


def _dispute(dispute: Thing) -> Safe:
    is_open = dispute["status"] in ("needs_response", "warning_needs_response")
    buttons = [("won", "We win"), ("lost", "We lose")] if is_open else []
    return _row(f"{_cost(dispute)} · {dispute['status']}", dispute["id"], buttons)


def _plan(plan: Thing) -> Safe:
    over = plan["status"] == "canceled"
    buttons = [("renew", "Next period, paid"), ("renewal_fails", "Next period, not paid"), ("end", "End it now")]
    words = f"{plan['status']}{', ends with its period' if plan['cancel_at_period_end'] else ''}"
    return _row(words, plan["id"], [] if over else buttons)


def _event(event: Thing, tries: list[Thing]) -> Safe:
    buttons = [("resend", "Send it again"), ("resend_as_new", "Send it under a new id")]
    return _row(
        event["type"],
        event["id"],
        buttons,
        *([tag("ul", *(tag("li", _told(each)) for each in tries))] if tries else []),
    )


def _told(delivery: Thing) -> str:
    return f"{delivery['url']}: {delivery['status'] or 'no answer'} {delivery['answer'][:120]}"


routes = [Route("/dev", show, methods=["GET"]), Route("/dev", do, methods=["POST"])]
