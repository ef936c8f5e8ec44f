"""What every part of the till needs: its things, the time, and a way to say what happened."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.clock import Clock
from app.stripe_sandbox import errors
from app.stripe_sandbox.shelf import Shelf, Thing

LETTERS = string.ascii_letters + string.digits


class Books:
    def __init__(self, path: Path | None, clock: Clock, api_version: str) -> None:
        self.shelf, self.clock, self.api_version = Shelf(path), clock, api_version
        # Who is told of events, once they are written down for good.
        self.on_events: Callable[[list[Thing]], None] = lambda events: None
        self.endpoints = 0
        self._request: Thing = {"id": None, "idempotency_key": None}
        self._happened: list[Thing] = []
        self._open = False

    def now(self) -> int:
        return int(self.clock.now().timestamp())

    def new_id(self, prefix: str, characters: int = 24) -> str:
        return f"{prefix}_" + "".join(secrets.choice(LETTERS) for _ in range(characters))

    def put(self, thing: Thing) -> Thing:
        return self.shelf.put(str(thing["object"]), thing)

    def find(self, kind: str, identifier: str, *, param: str = "id") -> Thing:
        found = self.shelf.find(identifier, kind)
        if found is None:
            raise errors.no_such(kind, identifier, param=param)
        return found

    def every(self, kind: str, **having: Any) -> list[Thing]:
        """Newest first."""
        return [
            thing for thing in self.shelf.newest_first(kind)
            if all(thing.get(name) == value for name, value in having.items())
        ]  # fmt: skip

    @contextmanager
    def change(self, request: Thing | None = None) -> Iterator[None]:
        """One change, written whole or not at all, and told when it is done. A declined card was a try, and is kept."""
        if self._open:
            yield
            return
        self._open, self._happened = True, []
        self._request = request or {"id": None, "idempotency_key": None}
        refused: errors.Refusal | None = None
        try:
            with self.shelf.change():
                try:
                    yield
                except errors.Refusal as error:
                    if error.status != errors.DECLINED:
                        raise
                    refused = error
        finally:
            self._open = False
        self.on_events(self._happened)
        if refused:
            raise refused

    def happened(self, name: str, thing: Thing, before: Thing | None = None) -> Thing:
        """Writes an event, with the thing as it is now and what was different before."""
        data: Thing = {"object": outside(thing)}
        if before is not None:
            data["previous_attributes"] = differing(outside(before), data["object"])
        event = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": self.api_version,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": self.endpoints,
            "request": self._request,
            "type": name,
        }
        self._happened.append(event)
        return self.put(event)


def outside(thing: Thing) -> Thing:
    """What the world sees of a thing: names that begin with an underscore are the till's own."""
    return {name: _outside(value) for name, value in thing.items() if not name.startswith("_")}


def _outside(value: Any) -> Any:
    if isinstance(value, dict):
        return outside(value)
    return [_outside(item) for item in value] if isinstance(value, list) else value


def differing(before: Thing, after: Thing) -> Thing:
    """Stripe tells the old values of what changed, and within a group only of what changed there."""
    found: Thing = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old != new:
            found[name] = differing(old, new) if isinstance(old, dict) and isinstance(new, dict) else old
    return found
