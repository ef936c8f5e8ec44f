"""Below HTTP: a connection that says nothing, or never finishes saying it, is closed.

uvicorn waits for the end of a request for ever and takes headers of any length; this does neither.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import orjson
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.edge.body_limit import BODY_SECONDS_MAX
from app.edge.flag import Flag
from app.edge.held_head import HeldHead
from app.ids import new_id

HEAD_BYTES_MAX = 32 * 1024
# Of a body that was answered before it was whole; whoever sends more may not hear the answer.
UNREAD_BYTES_MAX = 64 * 1024 * 1024
# What the kernel takes in for a reader of a stream, and half of what it grants. By itself it takes megabytes on a fast
# line, and a reader that takes nothing would be noticed only when those are full.
STREAM_BUFFER_BYTES = 64 * 1024
TOO_LARGE = ("431 Request Header Fields Too Large", "headers_too_large", "The request headers are too large.")
NOT_HTTP = ("400 Bad Request", "bad_request", "The request cannot be understood.")


class GuardedProtocol(HttpToolsProtocol):
    # From the connection, or on one that is kept alive from the first byte of the next request.
    head_seconds_max = 5.0
    # A body that is read gets its 408 from BodyLimit first; this is for one that nobody reads.
    body_seconds_max = BODY_SECONDS_MAX + 2
    # To take something of what waits for the reader.
    take_seconds_max = 20.0

    # What uvicorn keeps of a connection is thirty attributes almost; with more than that each would need a whole
    # dictionary of its own, a kilobyte.
    __slots__ = ("_head_bytes", "_in_head", "_on_gone", "_refused", "_taking", "_timer", "_unread_bytes")

    def __init__(self, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._in_head, self._head_bytes, self._unread_bytes = False, 0, 0
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        # Told when the connection is gone: of a reader that waits for nothing else from it.
        self._on_gone: Callable[[], None] | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)
        self._stop_expecting()
        if self._on_gone is not None:
            self._on_gone()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        # Still waiting after this much: all of it was headers.
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refuse()

    def on_message_begin(self) -> None:
        if not self._in_head:
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._unread_bytes = False, 0
        self._close_after(self.body_seconds_max)
        # Four more for each line: its colon, space and end.
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_BYTES_MAX:
            self._refuse()
        if not self._refused:
            # HTTP has no word for these: end an answer before its end, and take in only a little of it.
            self.scope["extensions"] = {
                "prome.close": {"now": self.transport.close},
                "prome.narrow": {"now": self._narrow},
            }
            super().on_headers_complete()
            # Its task has not run yet, so nobody waits for the event that is replaced.
            self.cycle.message_event = cast(asyncio.Event, Flag())
            if self.cycle.scope["method"] != "HEAD":
                self.cycle.transport = cast(asyncio.Transport, HeldHead(self.cycle))
            self.scope["extensions"]["prome.write"] = {"now": partial(write, self.cycle)}
            self.scope["extensions"]["prome.gone"] = {"tell": self._tell_when_gone}

    def _narrow(self) -> None:
        if not self.transport.is_closing():
            line = self.transport.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_BUFFER_BYTES)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_taking()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_taking()

    def _expect_taking(self) -> None:
        """More waits than a reader may fall behind, or an answer is whole and its end has not left yet. A reader that
        takes nothing of it would keep its connection for ever, for both the rest and closing wait until it does. One
        that takes a little gets the same time again.
        """
        self._stop_expecting()
        if left := self.transport.get_write_buffer_size():
            self._taking = self.loop.call_later(self.take_seconds_max, self._look, left)

    def _stop_expecting(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _look(self, before: int) -> None:
        # Nothing is added while writing is paused, or when the answer is whole. Otherwise what is added says nothing of
        # the reader, and either of the two comes again.
        if not self.flow.write_paused and not self.cycle.response_complete:
            return
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._expect_taking()

    def _tell_when_gone(self, leave: Callable[[], None] | None) -> None:
        """At once, when it is gone already; nobody, when that is of no more interest."""
        self._on_gone = leave
        if leave is not None and self.cycle.disconnected:
            leave()

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        if self.cycle.response_complete:
            self._unread_bytes += len(body)
            if self._unread_bytes > UNREAD_BYTES_MAX:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_timer()
        if not self._refused:
            super().on_message_complete()

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            self._close_with(*TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP gets the same shape of error as everything else."""
        self._close_with(*NOT_HTTP)

    def _close_with(self, status: str, code: str, error: str) -> None:
        request_id = new_id("req")
        body = orjson.dumps({"error": error, "code": code, "requestId": request_id})
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Cache-Control: no-store\r\nX-Request-ID: {request_id}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _await_head(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._close_after(self.head_seconds_max)

    def _close_after(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def write(cycle: RequestResponseCycle, body: bytes) -> bool:
    """One more chunk of an answer that has begun, without a step through every layer above the connection.

    False when the connection does not take it now: then the way through the layers waits until it does.
    """
    if cycle.disconnected or cycle.flow.write_paused or not cycle.chunked_encoding:
        return False
    cycle.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
    return True


async def hang_up(scope: Scope) -> None:
    """An answer that has begun ends before its end. The server notices soon after."""
    if close := scope.get("extensions", {}).get("prome.close"):
        close["now"]()
        await asyncio.sleep(0.01)
