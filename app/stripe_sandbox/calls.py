"""One request to the API, read and checked, and the row of the table that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.stripe_sandbox.books import Books
from app.stripe_sandbox.parameters import EXPAND, PAGE, Check, Shape
from app.stripe_sandbox.shelf import Thing


@dataclass(frozen=True)
class Call:
    books: Books
    base_url: str
    id: str
    given: Mapping[str, Any]
    # Empty when the caller did not say, as Stripe's CLI does not.
    version: str = ""


Do = Callable[[Call], Thing]


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    do: Do
    takes: Mapping[str, Check] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        checks: dict[str, Check] = {"expand": EXPAND, **self.takes}
        return Shape(**checks)


def retrieve(kind: str) -> Do:
    return lambda call: call.books.find(kind, call.id)


def listing(path: str, kind: str, **filters: Check) -> Row:
    """All of a kind, newest first, by pages; a filter is a field that must be equal."""

    def do(call: Call) -> Thing:
        having = {name: value for name, value in call.given.items() if name in filters}
        return page(path, call.books.every(kind, **having), call.given)

    return Row("GET", path, do, {**PAGE, **filters})


def page(path: str, things: list[Thing], given: Mapping[str, Any]) -> Thing:
    ids = [thing["id"] for thing in things]
    limit = given.get("limit", 10)
    if given.get("ending_before") in ids:
        before = things[: ids.index(given["ending_before"])]
        chosen, more = before[-limit:], len(before) > limit
    else:
        after = things[ids.index(given["starting_after"]) + 1 :] if given.get("starting_after") in ids else things
        chosen, more = after[:limit], len(after) > limit
    return {"object": "list", "url": path, "has_more": more, "data": chosen}


def whole(path: str, things: list[Thing]) -> Thing:
    """A list inside a thing."""
    return {"object": "list", "url": path, "has_more": False, "data": things, "total_count": len(things)}
