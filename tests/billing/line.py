"""A line to the till that fails as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.till import Till


class Lost(Enum):
    LOST = "lost"


LOST = Lost.LOST
Fault = int | Lost | asyncio.Event | Callable[[], None] | None


class Line:
    """Between us and the till: answers what the test says, in its order, and then what the till says.

    A number is a status; a function is called first; `LOST` lets the till do its work, and its answer breaks off;
    an event keeps the line silent until it is set. As at Stripe, a key whose first call still runs is answered 409.
    """

    def __init__(self, till: Till) -> None:
        self.inner, self.next = sandbox(till), list[Fault]()
        self.asked: list[tuple[str, str]] = []
        self.running: set[str] = set()
        self.versions: set[str] = set()
        self.on_asked: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        key = request.headers.get("idempotency-key", "")
        self.asked.append((f"{request.method} {request.url.path}", key))
        self.versions.add(request.headers["stripe-version"])
        self.on_asked()
        if key in self.running:
            await _error(409, "idempotency_key_in_use")(scope, receive, send)
            return
        if key:
            self.running.add(key)
        try:
            await self._answer(scope, receive, send)
        finally:
            self.running.discard(key)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.next.pop(0) if self.next else None
        if isinstance(fault, asyncio.Event):
            await fault.wait()
            fault = None
        if callable(fault):
            fault()
            fault = None
        if fault is None:
            await self.inner(scope, receive, send)
        elif fault is LOST:
            await self.inner(scope, receive, _into_nothing)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"999")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": False})
        else:
            await _error(fault)(scope, receive, send)


def _error(status: int, code: str = "") -> JSONResponse:
    kind = "idempotency_error" if status == 409 else "api_error"
    return JSONResponse({"error": {"type": kind, "code": code, "message": "Sorry."}}, status)


async def _into_nothing(_message: Any) -> None: ...
