"""A line between a reader and the server that breaks where the test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.waiting import hang_up

PIECE_BYTES = 64 * 1024
GONE = (ConnectionError, asyncio.IncompleteReadError)


@dataclass
class Proxy:
    """Of the answers to requests below `path`, the first is cut off after `cuts[0]` bytes, head and all, and so on."""

    host: str
    port: int
    cuts: list[int]
    path: str = "/api/chat"
    # How much of an answer is passed on at once, and the time between: of a slow line, characters come in parts.
    piece_bytes: int = PIECE_BYTES
    gap_seconds: float = 0
    url: str = ""
    # What was asked below the path, and how often the line broke.
    asked: list[bytes] = field(default_factory=list)
    dropped: int = 0
    open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.open[task] = writer
        from_server, to_server = await asyncio.open_connection(self.host, self.port)
        line = Line(self)
        ways = [
            asyncio.create_task(line.carry_questions(reader, to_server)),
            asyncio.create_task(line.carry_answers(from_server, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, to_server):
                await hang_up(end)
            del self.open[task]


@dataclass
class Line:
    proxy: Proxy
    # How much of the answer may still pass; all of it, when it is not one to be cut off.
    left: int | None = None

    async def carry_questions(self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
        with suppress(*GONE):
            while data := await reader.read(PIECE_BYTES):
                if self.proxy.path.encode() in data.partition(b"\r\n")[0]:
                    self.proxy.asked.append(data)
                    self.left = self.proxy.cuts.pop(0) if self.proxy.cuts else None
                to_server.write(data)
                await to_server.drain()

    async def carry_answers(self, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(*GONE):
            while data := await from_server.read(PIECE_BYTES):
                size = self.proxy.piece_bytes
                for start in range(0, len(data), size):
                    await self._pass_on(data[start : start + size], writer)
                    if self.left is not None and self.left <= 0:
                        self.proxy.dropped += 1
                        return

    async def _pass_on(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(piece[: self.left])
        await writer.drain()
        if self.left is not None:
            self.left -= len(piece)
        await asyncio.sleep(self.proxy.gap_seconds)


@asynccontextmanager
async def proxied(target: str, cuts: Sequence[int], path: str = "/api/chat") -> AsyncIterator[Proxy]:
    place = urlsplit(target)
    assert place.hostname
    assert place.port
    proxy = Proxy(place.hostname, place.port, list(cuts), path)
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
        for writer in proxy.open.values():
            writer.transport.abort()
        if proxy.open:
            await asyncio.wait(proxy.open)
