"""`expand[]`: an id becomes the thing that it names, and what is left out of a thing is put in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.stripe_sandbox import errors, invoices, sessions
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import whole
from app.stripe_sandbox.shelf import Thing

DEPTH_MAX = 4
# What is only there for who asks for it.
LEFT_OUT: dict[tuple[str, str], Callable[[Books, Thing], Thing]] = {
    ("checkout.session", "line_items"): lambda books, session: sessions.lines(session),
    ("invoice", "payments"): invoices.payments,
    ("charge", "refunds"): lambda books, charge: whole(
        f"/v1/charges/{charge['id']}/refunds", books.every("refund", charge=charge["id"])
    ),
    ("customer", "subscriptions"): lambda books, customer: whole(
        f"/v1/customers/{customer['id']}/subscriptions", books.every("subscription", customer=customer["id"])
    ),
}


def expand(books: Books, thing: Thing, paths: Iterable[str]) -> Thing:
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEPTH_MAX + (steps[0] == "data"):
            raise errors.wrong("expand", f"You cannot expand more than {DEPTH_MAX} levels of a property: {path}")
        thing = _expanded(books, thing, steps, path)
    return thing


def _expanded(books: Books, thing: Any, steps: list[str], path: str) -> Any:
    if not steps or thing is None:
        return thing
    if isinstance(thing, list):
        return [_expanded(books, item, steps, path) for item in thing]
    name, rest = steps[0], steps[1:]
    value = _found(books, thing, name, path)
    return {**thing, name: _expanded(books, value, rest, path)}


def _found(books: Books, thing: Thing, name: str, path: str) -> Any:
    put_in = LEFT_OUT.get((thing.get("object", ""), name))
    if put_in:
        return thing[name] if name in thing else put_in(books, thing)
    if name not in thing or not isinstance(thing[name], dict | list | str | type(None)):
        raise errors.wrong("expand", f"This property cannot be expanded ({path}).")
    value = thing[name]
    if not isinstance(value, str):
        return value
    named = books.shelf.find(value)
    if named is None:
        raise errors.wrong("expand", f"This property cannot be expanded ({path}).")
    return named
