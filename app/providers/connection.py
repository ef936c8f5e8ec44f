"""A connection to an upstream: HTTP/1.1, one question at a time.

Libraries for HTTP wake a task for every piece that arrives, and that costs more than all that is done with the words
in it. Here a piece is handed on within the step that read it, down to the sockets of those who read the reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from app.providers.pace import Pace
from app.providers.provider import Pause

HEAD_BYTES_MAX = 64 * 1024

# Given a piece of the body. What it raises hangs up.
Take = Callable[[bytes], Pause | None]


class Broken(ConnectionError):
    """Closed before the end of what it was to bring, by whomever."""


class Unanswered(Broken):
    """Closed before a word of answer: nothing was done yet."""


class NoHttp(ConnectionError):
    """What answers speaks something else."""


class Response:
    """The answer to one question. Whoever has it reads it to its end or closes it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_over = False
        self._failure: BaseException | None = None
        # What has arrived and nobody has taken yet.
        self._waiting = b""
        self._take: Take | None = None
        self._pause: Pause | None = None
        self._waiter: asyncio.Future[None] | None = None

    def header(self, name: bytes) -> str:
        """By its name in small letters; empty when there is none."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    async def begun(self) -> None:
        """Returns when its head is there."""
        while not self.status:
            await self._change()

    async def pass_on(self, take: Take) -> None:
        """Returns at the end of the body, every piece of which was taken."""
        self._take = take
        self._hand_on()
        try:
            while self._pause or self._failure or not self.is_over:
                await self._change()
                if self._pause:
                    await self._pause()
                    self._pause = None
                    if not self.is_over:
                        self._connection.resume_reading()
                    self._hand_on()
        finally:
            self._take = None

    def close(self) -> None:
        """Hangs up, unless it is read to its end."""
        if not self.is_over and self._failure is None:
            self.fail(Broken("closed by us"))
            self._connection.abort()

    async def _change(self) -> None:
        if self._failure is None and not self._pause:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._failure is not None and not self._pause:
            raise self._failure

    # What follows is for the connection to call.

    def arrived(self, piece: bytes, *, is_last: bool) -> None:
        if self._failure is None:
            self._waiting = self._waiting + piece if self._waiting else piece
            self.is_over = is_last
            self._hand_on()
            if is_last:
                self.wake()

    def fail(self, failure: BaseException) -> None:
        if not self.is_over and self._failure is None:
            self._failure = failure
            self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _hand_on(self) -> None:
        """All that is there, as one piece."""
        if self._take is None or self._pause or not self._waiting:
            return
        piece, self._waiting = self._waiting, b""
        try:
            self._pause = self._take(piece)
        except Exception as failure:
            self.close()
            self._failure = failure
        if self._pause:
            self.wake()
            # After the end it may be somebody else's already.
            if not self.is_over:
                self._connection.pause_reading()


class Connection(asyncio.Protocol):
    def __init__(
        self, pace: Pace, on_free: Callable[[Connection], None], on_lost: Callable[[Connection], None]
    ) -> None:
        """Called when a whole answer was read and another question may be asked, and when it is of no more use."""
        self._pace, self._on_free, self._on_lost = pace, on_free, on_lost
        self.counted_in = 0.0
        self._transport: asyncio.Transport | None = None
        # By whom it is read for, who has more than can be taken now.
        self._is_held = False
        self._response: Response | None = None
        self._pieces: list[bytes] = []
        self._head_bytes = 0
        self._is_whole = self._is_extra = self._may_stay = self._ends_with_connection = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, *request: bytes) -> Response:
        if self._transport is None or self._transport.is_closing():
            raise Unanswered("closed before it was asked")
        self._response = response = Response(self)
        self._parser = httptools.HttpResponseParser(self)
        self._is_whole, self._is_extra, self._head_bytes = False, False, 0
        self._transport.writelines(request)
        return response

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        self._is_held = True
        self.rest()

    def resume_reading(self) -> None:
        self._is_held = False
        self.rested()

    def rest(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def rested(self) -> None:
        if not self._is_held and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # What follows is for the loop to call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._on_lost(self)
        response, self._response = self._response, None
        if response is None:
            return
        if error is None and response.status and self._ends_with_connection:
            response.arrived(b"", is_last=True)
        elif response.status:
            response.fail(Broken("broke off"))
        else:
            response.fail(Unanswered("closed without an answer"))

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:
            # Nobody asked. An upstream that talks out of turn is not asked again.
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._is_whole:
                self._give_up(response, NoHttp(f"speaks no HTTP: {type(error).__name__}"))
                return
            # What is behind the answer is nobody's business, and nothing to build on.
            self._may_stay = False
        if not response.status:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._give_up(response, NoHttp("a head without end"))
            return
        piece = b"".join(self._pieces)
        self._pieces.clear()
        if self._is_whole:
            self._response = None
        response.arrived(piece, is_last=self._is_whole)
        if self._is_whole:
            self._part()
        else:
            self._pace.after_read(self)

    def _give_up(self, response: Response, why: NoHttp) -> None:
        self._response = None
        response.fail(why)
        self.abort()

    def _part(self) -> None:
        """The answer is whole."""
        if self._may_stay and self.is_open:
            self._on_free(self)
        else:
            self.abort()

    # What follows is for the parser to call.

    def on_message_begin(self) -> None:
        self._head = list[tuple[bytes, bytes]]()
        if self._is_whole:
            # A second answer to one question is none that anybody waits for.
            self._is_extra, self._may_stay = True, False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status, response = self._parser.get_status_code(), self._response
        # 100 to 199 only announce the answer.
        if response is None or self._is_extra or status < 200:
            return
        response.status, response.headers = status, self._head
        self._ends_with_connection = not (
            response.header(b"content-length") or response.header(b"transfer-encoding").endswith("chunked")
        )
        response.wake()

    def on_body(self, body: bytes) -> None:
        if not self._is_extra:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200 and not self._is_extra:
            self._is_whole, self._may_stay = True, self._parser.should_keep_alive()
