"""What happened, as Stripe tells it, for whoever missed the webhook."""

from __future__ import annotations

from app.stripe_sandbox import errors
from app.stripe_sandbox.calls import Call, Row, page, retrieve
from app.stripe_sandbox.parameters import PAGE, Check, Many, Text, flag, moment
from app.stripe_sandbox.sessions import within
from app.stripe_sandbox.shelf import Thing


def list_events(call: Call) -> Thing:
    if "type" in call.given and "types" in call.given:
        raise errors.wrong("types", "You may only specify one of these parameters: type, types.")
    types = call.given.get("types") or ([call.given["type"]] if "type" in call.given else [])
    found = [
        event for event in call.books.every("event")
        if within(call, event) and (not types or event["type"] in types) and _delivery_fits(call, event)
    ]  # fmt: skip
    return page("/v1/events", found, call.given)


def _delivery_fits(call: Call, event: Thing) -> bool:
    wanted = call.given.get("delivery_success")
    return wanted is None or wanted == (event["pending_webhooks"] == 0)


TAKES: dict[str, Check] = {
    **PAGE, "type": Text(), "types": Many(Text(), 20), "created": moment, "delivery_success": flag,
}  # fmt: skip
rows = [
    Row("GET", "/v1/events", list_events, TAKES),
    Row("GET", "/v1/events/{id}", retrieve("event")),
]
