"""A server with one log and whoever reads it, for the tests of readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
from starlette.requests import Request
from starlette.responses import Response

from app.edge.pulse import Readers
from app.edge.reader import LogReader, StreamResponse
from app.edge.wire import GuardedProtocol
from app.streams.log import Log
from tests.waiting import WAIT_SECONDS_MAX

KIB = 1024


class Impatient(GuardedProtocol):
    take_seconds_max = 1.5


@dataclass
class Hall:
    """A server with one log, and whoever reads it."""

    readers: Readers
    url: str = ""
    log: Log = field(default_factory=Log)
    entered: int = 0
    left: int = 0
    strangers: set[str] = field(default_factory=set)
    # Whether an answer begins only when whoever asked has gone away.
    is_late: bool = False
    asked: int = 0

    async def answer(self, request: Request) -> Response:
        self.asked += 1
        while self.is_late and (await request.receive())["type"] != "http.disconnect":
            pass
        return StreamResponse(
            self.readers,
            self.log,
            int(request.query_params.get("from", 0)),
            owner=request.query_params.get("owner", "ann"),
            headers={"X-Stream-Id": "str_1"},
            on_enter=self.enter,
            on_leave=self.leave,
            media_type=request.query_params.get("as", "text/event-stream; charset=utf-8"),
        )

    def enter(self) -> None:
        self.entered += 1

    def leave(self) -> None:
        self.left += 1

    @property
    def behind(self) -> int:
        """How many have begun to read, and have more before them."""
        end = len(self.log.frames)
        return sum(isinstance(each, LogReader) and 0 < each.position < end for each in self.readers.open)

    async def all_of_it(self, **query: str) -> bytes:
        async with httpx2.AsyncClient(timeout=WAIT_SECONDS_MAX) as http:
            return (await http.get(self.url, params=query)).content

    @asynccontextmanager
    async def reading(self, **query: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with (
            httpx2.AsyncClient(timeout=WAIT_SECONDS_MAX) as http,
            http.stream("GET", self.url, params=query) as response,
        ):
            yield response.aiter_raw()

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[asyncio.StreamReader]:
        """Asks, and takes nothing of the answer but what its socket takes by itself."""
        address = httpx2.URL(self.url)
        reader, writer = await asyncio.open_connection(address.host, address.port, limit=KIB)
        writer.write(b"GET / HTTP/1.1\r\nHost: hall\r\n\r\n")
        await writer.drain()
        yield reader
        writer.transport.abort()
