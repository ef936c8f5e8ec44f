"""One connection that reads a log: it holds a position, gets what is behind it in one write, and holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.edge.pulse import Reader, Readers
from app.edge.sse import COMMENT, CONTENT_TYPE, STREAM_HEADERS
from app.edge.wire import hang_up
from app.streams.log import Log

# Sends a piece at once, or says that the connection takes none now.
Write = Callable[[bytes], bool]


class LogReader(Reader):
    """A reader as its log sees it."""

    def __init__(self, owner: str, log: Log, position: int, write: Write | None) -> None:
        super().__init__(owner)
        self.log, self.position, self._write = log, position, write

    @property
    def is_about_to_end(self) -> bool:
        return self.log.closed

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
            self.position = position
            self.sent()
            if position < len(log.frames):
                self.wake()


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
        if scope["method"] == "HEAD":
            # A head has no body to wait for, and whoever asks for it is no reader.
            await super().__call__(scope, receive, send)
            return
        write = scope.get("extensions", {}).get("prome.write", {}).get("now")
        reader = LogReader(self._owner, self._log, self._position, write)
        stop_watching = _watch(scope, receive, reader)
        if narrow := scope.get("extensions", {}).get("prome.narrow"):
            narrow["now"]()
        self._readers.enter(reader)
        self._log.watch(reader.changed)
        self._on_enter()
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if await self._follow(reader, send) or reader.left:
                return
            if self._log.broken or (self._bare and not self._log.ended(reader.position)):
                # Events say by themselves whether they are all there; of bare text an orderly end would say so.
                await hang_up(scope)
            else:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            stop_watching()
            self._log.unwatch(reader.changed)
            self._readers.leave(reader)
            self._on_leave()

    async def _follow(self, reader: LogReader, send: Send) -> bool:
        """Whether the end of the answer went out together with the last of it."""
        log = self._log
        while not reader.gone:
            if reader.position < len(log.frames):
                body, reader.position = log.chunk(reader.position)
            elif log.closed:
                return False
            elif reader.silent:
                # Bare text has no comments to be kept alive with.
                body = b"" if self._bare else COMMENT
            else:
                await reader.sleep()
                continue
            is_last = log.ended(reader.position) and not log.broken
            await send({"type": "http.response.body", "body": body, "more_body": not is_last})
            if is_last:
                return True
            reader.sent()
        return False


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
