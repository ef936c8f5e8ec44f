"""The hosted pages: where one pays, and where one looks after a plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.stripe_sandbox import errors, money, portal
from app.stripe_sandbox.errors import Refusal
from app.stripe_sandbox.links import form_of, till_of
from app.stripe_sandbox.markup import Safe, from_own_page, notice, page, tag
from app.stripe_sandbox.shelf import Thing
from app.stripe_sandbox.till import Pay

Handler = Callable[[Request], Awaitable[Response]]
CHOICES = (
    (Pay.CARD, "Pay", "By card, and it works", "button"),
    (Pay.DECLINED, "Card declined", "The bank says no; you can try again", "button quiet"),
    (Pay.DEBIT_SUCCEEDS, "Bank debit that succeeds later", "Accepted now, paid in a while", "button quiet"),
    (Pay.DEBIT_FAILS, "Bank debit that fails later", "Accepted now, returned in a while", "button quiet"),
)
SESSION_ID = "{CHECKOUT_SESSION_ID}"


def in_plain_words(handler: Handler) -> Handler:
    """A person gets a page, whatever is wrong."""

    @wraps(handler)
    async def handle(request: Request) -> Response:
        till_of(request).tidy()
        if request.method == "POST" and not from_own_page(request):
            return notice(request, "Not from here", "Press the button on the page itself.", status=403)
        try:
            return await handler(request)
        except Refusal as refusal:
            title = "Not found" if refusal.status == 404 else "That did not work"
            return notice(request, title, str(refusal), status=refusal.status)

    return handle


@in_plain_words
async def show_session(request: Request) -> Response:
    session = till_of(request).books.find("checkout.session", request.path_params["id"])
    if session["status"] == "complete":
        return notice(request, "All done", "This checkout is complete.", success_url(session))
    if session["status"] == "expired":
        words = "The time for this payment is over. Nothing was charged."
        return notice(request, "This checkout has expired", words, session["cancel_url"])
    declined = "declined" in request.query_params
    leads_to = (session["success_url"], session["cancel_url"] or "")
    return page(request, "Pay", offer(session), choices(session, declined), leads_to=leads_to)


@in_plain_words
async def pay(request: Request) -> Response:
    """Paying twice is not possible: the second press finds the session complete and goes the same way."""
    till, form = till_of(request), await form_of(request)
    session = till.books.find("checkout.session", request.path_params["id"])
    if session["status"] == "open":
        try:
            till.pay(session["id"], _choice(form.get("how", "")), email=form.get("email", ""))
        except Refusal as refusal:
            if refusal.status != errors.DECLINED:
                raise
            return RedirectResponse("?declined", 303)
    elif session["status"] == "expired":
        return RedirectResponse("?", 303)
    return RedirectResponse(success_url(session), 303)


def _choice(how: str) -> Pay:
    if how not in list(Pay):
        raise Refusal("Choose one of the ways to pay.")
    return Pay(how)


def success_url(session: Thing) -> str:
    return str(session["success_url"]).replace(SESSION_ID, session["id"])


def offer(session: Thing) -> Safe:
    lines = [_line(line) for line in session["_lines"]]
    total = money.spoken(session["amount_total"], session["currency"])
    parts = (
        tag("h1", "Your order"),
        tag("ul", *lines, class_="lines"),
        tag("p", tag("span", "Total"), tag("strong", total), class_="total"),
    )
    return tag("section", *parts, class_="card")


def _line(line: Thing) -> Safe:
    price = line["price"]
    amount = money.spoken(line["amount_total"], line["currency"]) + money.each(price["recurring"])
    times = f" x {line['quantity']}" if line["quantity"] > 1 else ""
    return tag("li", tag("span", line["description"] + times), tag("span", amount))


def choices(session: Thing, declined: bool) -> Safe:
    words = "Your card was declined. Nothing was charged. Try again, or another way."
    cancel = session["cancel_url"]
    return tag(
        "section",
        tag("h2", "How would you like to pay?"),
        tag("p", words, class_="alert", role="alert") if declined else None,
        tag("form", _email(session), *(_button(*choice) for choice in CHOICES), method="post"),
        tag("a", "Cancel and go back", href=cancel, class_="button quiet") if cancel else None,
        class_="card",
    )


def _email(session: Thing) -> Safe:
    known = (session["customer_details"] or {}).get("email")
    if known:
        return tag("p", "For ", tag("strong", known))
    label = tag("label", "Email", for_="email")
    field = tag("input", id="email", name="email", type="email", autocomplete="email", value="buyer@example.com")
    return tag("div", label, field, class_="field")


def _button(how: Pay, words: str, meaning: str, looks: str) -> Safe:
    return tag("button", words, tag("small", meaning), name="how", value=how.value, type="submit", class_=looks)


@in_plain_words
async def show_portal(request: Request) -> Response:
    books = till_of(request).books
    session = portal.opened(books, request.path_params["id"])
    plans = [_plan(plan) for plan in books.every("subscription", customer=session["customer"])]
    back = session["return_url"]
    return page(
        request,
        "Your plan",
        tag("section", tag("h1", "Your plan"), *(plans or [tag("p", "You have no plan.")]), class_="card"),
        tag("p", tag("a", "Back to where you came from", href=back, class_="button quiet")) if back else None,
    )


@in_plain_words
async def change_plan(request: Request) -> Response:
    till, form = till_of(request), await form_of(request)
    session = portal.opened(till.books, request.path_params["id"])
    plan = till.books.find("subscription", form.get("plan", ""))
    if plan["customer"] != session["customer"]:
        raise errors.no_such("subscription", plan["id"])
    change = {"cancel": till.cancel_plan, "resume": till.resume_plan}.get(form.get("do", ""))
    if change is None:
        raise Refusal("Choose what to do with your plan.")
    change(plan["id"])
    return RedirectResponse("?", 303)


def _plan(plan: Thing) -> Safe:
    item = plan["items"]["data"][0]
    price = item["price"]
    until = datetime.fromtimestamp(item["current_period_end"], UTC).strftime("%d %B %Y")
    cost = money.spoken(price["unit_amount"] * item["quantity"], price["currency"]) + money.each(price["recurring"])
    if plan["status"] == "canceled":
        return tag("article", tag("h2", cost), tag("p", "This plan has ended."))
    ends = plan["cancel_at_period_end"]
    words = f"Ends on {until}. Until then nothing changes." if ends else f"Goes on, and renews on {until}."
    do, label = ("resume", "Keep my plan") if ends else ("cancel", "Cancel at the end of the period")
    button = tag("button", label, name="do", value=do, type="submit", class_="button quiet")
    form = tag("form", tag("input", type="hidden", name="plan", value=plan["id"]), button, method="post")
    late = tag("p", "The last payment failed.", class_="alert") if plan["status"] == "past_due" else None
    return tag("article", tag("h2", cost), late, tag("p", words), form)


routes = [
    Route("/c/pay/{id}", show_session, methods=["GET"]),
    Route("/c/pay/{id}", pay, methods=["POST"]),
    Route("/p/session/{id}", show_portal, methods=["GET"]),
    Route("/p/session/{id}", change_plan, methods=["POST"]),
]
