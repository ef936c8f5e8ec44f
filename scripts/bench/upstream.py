"""An upstream that costs next to nothing: protocols on uvloop, ready-made bytes, one timer for all that are paced.

Run by the benchmark as `python -m scripts.bench.upstream PORT`. `POST /go` starts the pace of those that wait for it,
each at a moment of its own within the gap, and `POST /told` answers how many tokens went out and how late they were.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import defaultdict
from functools import lru_cache
from typing import cast

import uvloop

from scripts.bench.table import middle_and_p99
from scripts.bench.wire import END_OF_CHUNKS, PLAIN, Order, chunk, ordered, token, whole

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
EVENT = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
    b'"choices":[{"index":0,"delta":{%s},"logprobs":null,"finish_reason":%s}]%s}\n\n'
)
OPENING = chunk(EVENT % (b'"role":"assistant","content":""', b"null", b""))
SPOKEN = b'"content":"%s"'
LATE_KEPT_MAX = 100_000


def said(word: bytes) -> bytes:
    return chunk(EVENT % (SPOKEN % word, b"null", b""))


READY = said(PLAIN)


@lru_cache
def ending(tokens: int) -> bytes:
    counts = b',"usage":{"prompt_tokens":20,"completion_tokens":%d,"total_tokens":%d}' % (tokens, tokens + 20)
    return chunk(EVENT % (b"", b'"stop"', counts)) + chunk(b"data: [DONE]\n\n") + END_OF_CHUNKS


@lru_cache
def all_at_once(tokens: int) -> bytes:
    return HEAD + OPENING + READY * tokens + ending(tokens)


class Upstream:
    """The streams that are paced lie in slots of a millisecond, which one timer empties."""

    def __init__(self) -> None:
        self.waiting: list[Stream] = []
        self.told, self.late = 0, list[float]()
        self._slots: defaultdict[int, list[Stream]] = defaultdict(list)
        self._at, self._is_beating = 0, False

    def put(self, stream: Stream, in_ms: int) -> None:
        now = self._now()
        if not self._is_beating:
            self._at, self._is_beating = now, True
            asyncio.get_running_loop().call_later(0.001, self._beat)
        self._slots[max(now + in_ms, self._at + 1)].append(stream)

    def go(self) -> None:
        waiting, self.waiting = self.waiting, []
        for stream in waiting:
            self.put(stream, random.randint(1, stream.order.gap_ms))

    def _now(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)

    def _beat(self) -> None:
        """A slot belongs to its moment, so a stream that was served late is not late the next time."""
        now = self._now()
        while self._at < now:
            self._at += 1
            due = self._slots.pop(self._at, None)
            if due is None:
                continue
            if len(self.late) < LATE_KEPT_MAX:
                self.late.append(now - self._at)
            for stream in due:
                if stream.speak():
                    self._slots[self._at + stream.order.gap_ms].append(stream)
            self.told += len(due)
        self._is_beating = bool(self._slots)
        if self._is_beating:
            asyncio.get_running_loop().call_later(0.001, self._beat)

    def tell(self) -> bytes:
        _, late = middle_and_p99(self.late)
        told, self.told, self.late = self.told, 0, []
        return json.dumps({"told": told, "late_ms_p99": late}).encode()


class Stream(asyncio.Protocol):
    order = Order(0, 0)

    def __init__(self, upstream: Upstream) -> None:
        self._upstream, self._buffer, self._left = upstream, bytearray(), 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._left = 0

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if length := whole(self._buffer):
            request = bytes(self._buffer[:length])
            del self._buffer[:length]
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        upstream = self._upstream
        if request.startswith((b"POST /go ", b"POST /told ")):
            body = upstream.tell()
            if request.startswith(b"POST /go "):
                upstream.go()
            self._transport.write(ANSWER % (len(body), body))
            return
        order = self.order = ordered(request)
        if not order.gap_ms:
            upstream.told += order.tokens
            self._transport.write(all_at_once(order.tokens))
            return
        upstream.told += 1
        self._left = order.tokens - 1
        self._transport.write(HEAD + OPENING + said(token(order)) + (b"" if self._left else ending(1)))
        if self._left and order.waits:
            upstream.waiting.append(self)
        elif self._left:
            upstream.put(self, order.gap_ms)

    def speak(self) -> bool:
        """False when this was the last word, or nobody listens."""
        if not self._left:
            return False
        self._left -= 1
        ready = said(token(self.order)) if self.order.stamped else READY
        self._transport.write(ready if self._left else ready + ending(self.order.tokens))
        return self._left > 0


async def serve(port: int) -> None:
    upstream = Upstream()
    server = await asyncio.get_running_loop().create_server(lambda: Stream(upstream), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
