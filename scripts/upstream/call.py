"""One question on one connection, and the verbs that an answer, good or bad, is made of."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

from scripts.upstream import frames
from scripts.upstream.requests import Request
from scripts.upstream.seen import Record

PIECE_BYTES = 65_536


class Call:
    def __init__(self, request: Request, record: Record, transport: asyncio.Transport) -> None:
        self.request, self.record = request, record
        self.model = request.model or "fake"
        self.asked_before_here = False
        self.is_first_of_its_fault = False
        self._transport = transport
        self._writable = asyncio.Event()
        self._writable.set()
        self._chunked = False

    def pause(self) -> None:
        self._writable.clear()

    def resume(self) -> None:
        self._writable.set()

    async def write(self, raw: bytes) -> None:
        """Bytes as they are; waits while the reader is behind."""
        self._transport.write(raw)
        await self._writable.wait()

    async def head(
        self, status: int = 200, content_type: str = "text/event-stream", *, length: int | None = None, **more: str
    ) -> None:
        """Without a length the body goes out in chunks."""
        self._chunked = length is None
        size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items())
        await self.write(f"HTTP/1.1 {status} -\r\nContent-Type: {content_type}\r\n{extra}{size}\r\n\r\n".encode())

    async def send(self, *pieces: bytes) -> None:
        await self.write(frames.in_chunks(pieces) if self._chunked else b"".join(pieces))

    async def open(self) -> None:
        await self.head()
        await self.send(frames.opening(self.model))

    async def say(self, texts: Sequence[str]) -> None:
        await self.send(*frames.spoken(self.model, texts))

    async def finish(self, tokens: int, reason: str = "stop", usages: Sequence[Any] | None = None) -> None:
        """As OpenAI ends: the reason, the usage if it was asked for, [DONE]."""
        counts = [frames.counted(tokens)] if self.wants_usage else []
        found = counts if usages is None else usages
        told = [frames.event(frames.usage(self.model, each)) for each in found]
        await self.send(frames.event(frames.chunk(self.model, {}, reason)), *told, frames.DONE)
        await self.close()

    async def close(self) -> None:
        """The end of the body; the connection stays for the next question."""
        if self._chunked:
            await self.write(frames.LAST_CHUNK)
        self.record.end("finished")

    async def json(self, body: Any, status: int = 200, **more: str) -> None:
        raw = json.dumps(body).encode()
        await self.head(status, "application/json", length=len(raw), **more)
        await self.write(raw)
        self.record.end("finished")

    async def error(self, status: int, message: str, code: str | None = None, **more: str) -> None:
        await self.json({"error": {"message": message, "type": "fault", "param": None, "code": code}}, status, **more)

    async def for_ever(self) -> None:
        """Until the client leaves."""
        await asyncio.Event().wait()

    def hang_up(self) -> None:
        """After what was written has gone out."""
        self.record.end("dropped")
        self._transport.close()

    def reset(self) -> None:
        self.record.end("dropped")
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    @property
    def wants_usage(self) -> bool:
        options = self.request.body.get("stream_options")
        return isinstance(options, dict) and bool(options.get("include_usage"))
