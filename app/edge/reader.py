"""One connection that reads a log: it holds a position, gets what is behind it in one write, and never holds others up.

A single pulse looks after all readers of a process: it sends a comment to those that have heard nothing for a while,
and cuts off those that do not take what they are sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.db import DatabaseUnavailable
from app.edge.sse import CONTENT_TYPE, STREAM_HEADERS
from app.streams.log import Log

PULSE_SECONDS = 1.0
SILENCE_SECONDS_MAX = 10.0
SEND_SECONDS_MAX = 20.0
LOOK_SECONDS = 3.0
COMMENT = b": still here\n\n"


# Sends a piece at once, or says that the connection takes none now.
Write = Callable[[bytes], bool]


class Reader:
    """A connection, as the log and the pulse see it."""

    def __init__(self, owner: str, log: Log, position: int, write: Write | None) -> None:
        self.owner, self.log, self.position = owner, log, position
        self._write, self._now = write, asyncio.get_running_loop().time
        self.sent_at = self._now()
        self.sending = self.silent = False
        # Gone: reads no more. Left: went by itself, so that there is nobody to say goodbye to.
        self.gone = self.left = False
        self.task: asyncio.Task[Any] | None = None
        self._asleep: asyncio.Future[None] | None = None

    def wake(self) -> None:
        asleep, self._asleep = self._asleep, None
        if asleep is not None and not asleep.done():
            asleep.set_result(None)

    def dismiss(self) -> None:
        self.gone = True
        self.wake()

    def leave(self) -> None:
        self.left = True
        self.dismiss()

    async def sleep(self) -> None:
        if not self.gone:
            self._asleep = asyncio.get_running_loop().create_future()
            await self._asleep

    def changed(self) -> None:
        """The log has grown, or ended. Nearly always this passes on what is new while the writer writes it, which
        takes half of what it takes to wake a task; what is more than that, the task does.
        """
        if self._asleep is None:
            return
        log, position = self.log, self.position
        if self._write is None or self.silent or log.closed:
            self.wake()
        elif position < len(log.frames):
            body, position = log.chunk(position)
            if not self._write(body):
                self.wake()
                return
            self.position, self.sent_at = position, self._now()
            if position < len(log.frames):
                self.wake()


# Given the owners of open readers, answers with those that may go on reading.
MayRead = Callable[[set[str]], Awaitable[set[str]]]


class Readers:
    """All open readers of this process. Who signs out stops reading a moment later."""

    def __init__(
        self,
        may_read: MayRead,
        *,
        send_seconds_max: float = SEND_SECONDS_MAX,
        silence_seconds_max: float = SILENCE_SECONDS_MAX,
    ) -> None:
        self.open: set[Reader] = set()
        self._may_read, self._looked_at = may_read, 0.0
        self._send_seconds_max, self._silence_seconds_max = send_seconds_max, silence_seconds_max
        self._pulse: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._pulse = asyncio.create_task(self._beat(), name="pulse of the readers")

    async def stop(self) -> None:
        """Ends every reading of what has no end yet; the others are about to end by themselves."""
        if self._pulse is not None:
            self._pulse.cancel()
        self.dismiss(reader for reader in self.open if not reader.log.closed)

    def dismiss(self, readers: Iterable[Reader]) -> None:
        for reader in list(readers):
            reader.dismiss()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            now = loop.time()
            for reader in self.open:
                if reader.sending and now - reader.sent_at > self._send_seconds_max and reader.task is not None:
                    reader.task.cancel()
                elif not reader.sending and now - reader.sent_at > self._silence_seconds_max:
                    reader.silent = True
                    reader.wake()
            if now - self._looked_at > LOOK_SECONDS:
                self._looked_at = now
                await self._dismiss_strangers()

    async def _dismiss_strangers(self) -> None:
        owners = {reader.owner for reader in self.open}
        try:
            welcome = await self._may_read(owners) if owners else set()
        except DatabaseUnavailable:
            return
        self.dismiss(reader for reader in self.open if reader.owner in owners - welcome)


class StreamResponse(Response):
    """Frames of a log from a position on, as server-sent events, live until the log ends or the reader leaves."""

    def __init__(
        self,
        readers: Readers,
        log: Log,
        position: int,
        *,
        owner: str,
        headers: Mapping[str, str],
        on_enter: Callable[[], None],
        on_leave: Callable[[], None],
        media_type: str = CONTENT_TYPE,
    ) -> None:
        super().__init__(None, 200, {**STREAM_HEADERS, **headers}, media_type=media_type)
        del self.headers["content-length"]
        self._readers, self._log, self._position, self._owner = readers, log, position, owner
        self._on_enter, self._on_leave = on_enter, on_leave
        self._bare = media_type != CONTENT_TYPE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        write = scope.get("extensions", {}).get("prome.write", {}).get("now")
        reader = Reader(self._owner, self._log, self._position, write)
        reader.task = asyncio.current_task()
        stop_watching = _watch(scope, receive, reader)
        if narrow := scope.get("extensions", {}).get("prome.narrow"):
            narrow["now"]()
        self._readers.open.add(reader)
        self._log.watch(reader.changed)
        self._on_enter()
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._follow(reader, send)
            if reader.left:
                return
            if self._log.broken or (self._bare and not self._log.ended(reader.position)):
                # Events say by themselves whether they are all there; of bare text an orderly end would say so.
                await _hang_up(scope, "prome.close")
            else:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError:
            if not reader.sending:
                raise
            await _hang_up(scope, "prome.abort")
        finally:
            stop_watching()
            self._log.unwatch(reader.changed)
            self._readers.open.discard(reader)
            self._on_leave()

    async def _follow(self, reader: Reader, send: Send) -> None:
        log, now = self._log, asyncio.get_running_loop().time
        while not reader.gone:
            if reader.position < len(log.frames):
                body, reader.position = log.chunk(reader.position)
            elif log.closed:
                return
            elif reader.silent:
                # Bare text has no comments to be kept alive with.
                body = b"" if self._bare else COMMENT
            else:
                await reader.sleep()
                continue
            reader.sending, reader.sent_at = True, now()
            await send({"type": "http.response.body", "body": body, "more_body": True})
            reader.sending = reader.silent = False


def _watch(scope: Scope, receive: Receive, reader: Reader) -> Callable[[], object]:
    """A reader that leaves says so here and nowhere else: writing to a closed connection is not an error. Our own
    connection tells it; any other has to be asked, by a task that does nothing else.
    """
    tell = scope.get("extensions", {}).get("prome.gone", {}).get("tell")
    if tell is None:
        return asyncio.create_task(_ask_until_it_leaves(receive, reader)).cancel
    tell(reader.leave)
    return partial(tell, None)


async def _ask_until_it_leaves(receive: Receive, reader: Reader) -> None:
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
    reader.leave()


async def _hang_up(scope: Scope, how: str) -> None:
    """Aborting is for a reader that does not read: closing would wait until it does. The server notices soon after."""
    hang_up = scope.get("extensions", {}).get(how)
    if hang_up is not None:
        hang_up["now"]()
        await asyncio.sleep(0.01)
