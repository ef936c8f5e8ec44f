"""A line to a server that can be slow, stuck or cut, and be mended again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.workers.backstage import Backstage

PIECE_BYTES = 64 * 1024


class Line:
    """Only `url` and the three faults are for tests; everything else runs backstage."""

    def __init__(self, backstage: Backstage, port: int, targets: list[int]) -> None:
        """Callers are given to the targets in turn."""
        self.port, self.targets, self._backstage = port, targets, backstage
        self.delay_seconds, self._turn = 0.0, 0
        self._free = asyncio.Event()
        self._free.set()
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    def mend(self) -> None:
        self._backstage.call(self._mend())

    def hold(self) -> None:
        """Connections stay, and nothing comes through."""
        self._backstage.call(self._hold())

    def cut(self) -> None:
        """Connections break, and new ones are refused."""
        self._backstage.call(self._cut())

    async def _mend(self) -> None:
        self.delay_seconds = 0
        self._free.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _hold(self) -> None:
        self._free.clear()

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        try:
            there = await asyncio.open_connection("127.0.0.1", self.targets[self._turn % len(self.targets)])
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, there[1]}
        self._ends |= ends
        ways = [asyncio.create_task(self._carry(*way)) for way in ((reader, there[1]), (there[0], writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ends -= ends
            for way in ways:
                way.cancel()
            for end in ends:
                end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE_BYTES):
                await asyncio.sleep(self.delay_seconds)
                await self._free.wait()
                writer.write(data)
                await writer.drain()
