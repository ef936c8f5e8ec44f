"""A real upstream on loopback, with whatever fault a test asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from scripts.upstream.frames import text_of, words
from scripts.upstream.seen import Record, Seen
from scripts.upstream.server import Options, Upstream

__all__ = ["FakeUpstream", "text_of", "upstream", "words"]


@dataclass(frozen=True)
class FakeUpstream:
    url: str
    seen: Seen
    _server: Upstream

    @property
    def open_connections(self) -> int:
        return len(self._server.connections)

    def answer_with(self, tokens: int, gap_seconds: float) -> None:
        """From the next call on."""
        self._server.options = replace(self._server.options, tokens=tokens, gap_seconds=gap_seconds)

    @property
    def last(self) -> Record:
        return self.seen.records[-1]


@asynccontextmanager
async def upstream(
    fault: str | None = None, *, tokens: int = 16, gap_seconds: float = 0.0
) -> AsyncIterator[FakeUpstream]:
    """`url` is the base URL for a client. A single call may choose its own fault by the model `fault-<name>`."""
    server = Upstream(Options(fault, tokens, gap_seconds))
    url = await server.start()
    try:
        yield FakeUpstream(url, server.seen, server)
    finally:
        await server.stop()
