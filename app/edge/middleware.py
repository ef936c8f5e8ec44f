"""What surrounds every request, as pure ASGI: nothing here holds a stream back or loses a context variable."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.edge import errors
from app.edge.wire import hang_up
from app.errors import AppError, Unavailable
from app.ids import new_id
from app.observability import context, logs
from app.observability.metrics import Metrics

log = logs.get("prome.access")
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
UNROUTED = "(none)"
NO_PAGES = (b"text/css", b"text/javascript", b"image/png", b"font/")
FOR_NO_PAGES = {"X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Strict-Transport-Security"}
HOST = re.compile(r"(\[(?P<six>[^\[\]]+)\]|(?P<name>[^\[\]:]+))(:\d*)?")


class UnknownHost(AppError):
    status, code, message = 400, "unknown_host", "This server does not answer to that host name."


class Observed:
    """Gives the request its id, logs its end and counts it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = Headers(scope=scope).get("x-request-id", "")
        identifier = sent if SANE_REQUEST_ID.fullmatch(sent) else new_id("req")
        context.request_id.set(identifier)
        context.user_id.set("")
        answer = Answer(send, identifier)
        self.metrics.requests_open.inc()
        try:
            await self.app(scope, receive, answer.send)
        finally:
            self.metrics.requests_open.dec()
            self._account_for(scope, answer)

    def _account_for(self, scope: Scope, answer: Answer) -> None:
        route = scope.get("prome.route", UNROUTED)
        self.metrics.requests.labels(scope["method"], route, str(answer.status)).inc()
        self.metrics.request_seconds.labels(route).observe(answer.first_byte_seconds)
        log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=answer.status,
            ms=round(answer.seconds_so_far() * 1000, 1),
        )


class Answer:
    """What went out so far."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self._request_id, self._started = send, request_id, time.perf_counter()
        self.status, self.first_byte_seconds = 0, 0.0

    def seconds_so_far(self) -> float:
        return time.perf_counter() - self._started

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.first_byte_seconds = message["status"], self.seconds_so_far()
            MutableHeaders(scope=message)["X-Request-ID"] = self._request_id
        await self._send(message)


class Stopping(Unavailable):
    message = "The server is being restarted. Please try again in a moment."


class LastResort:
    """Turns what nobody caught into a plain 500. It stands innermost, so that this answer too gets every header.

    A server that stops cancels what it cannot wait for any longer, and that has its answer, too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noticed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_noticed)
        except Exception as error:
            # After the first byte nothing but cutting the connection can tell the reader that it is not whole.
            if started or scope["type"] != "http":
                raise
            await errors.unexpected(Request(scope), error)(scope, receive, send)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if scope["type"] != "http" or task is None or not task.cancelling():
                raise
            if started:
                await hang_up(scope)
            else:
                await errors.render(Request(scope), Stopping())(scope, receive, send)


class SecurityHeaders:
    """The same on every answer, errors and streams included; a route that knows better has set its own already.

    What can be no page, as a style sheet, is told less: a first visit asks for fifty such files.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self.app, self._for_pages = app, Headers(headers).raw
        self._for_no_pages = Headers({name: headers[name] for name in headers if name in FOR_NO_PAGES}).raw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = dict(message["headers"])
                is_no_page = present.get(b"content-type", b"").startswith(NO_PAGES)
                ours = self._for_no_pages if is_no_page else self._for_pages
                message["headers"] = [*message["headers"], *(pair for pair in ours if pair[0] not in present)]
            await send(message)

        await self.app(scope, receive, send_guarded)


class KnownHost:
    """A made-up `Host` could put itself into links that we build or poison a cache in front of us."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "*" not in self.names:
            host = HOST.fullmatch(Headers(scope=scope).get("host", ""))
            if host is None or (host["six"] or host["name"]).lower() not in self.names:
                await errors.render(Request(scope), UnknownHost())(scope, receive, send)
                return
        await self.app(scope, receive, send)
