"""The little HTTP that our upstream and our load client share, and the names by which a reply is ordered.

A reply is ordered by the model's name: `t200g20` is 200 tokens with 20 ms between them, `t200g0` as fast as it goes.
`s` behind it stamps each token with the moment it was sent, `w` holds the pace back until somebody says `go`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

NAME = re.compile(rb't(\d+)g(\d+)(s?)(w?)"')
LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
END_OF_CHUNKS = b"0\r\n\r\n"
# What a token says, so that it can be counted wherever it turns up. A stamp is in ticks and goes round.
PLAIN, STAMP = b" zest", re.compile(rb"~(\d{7})")
TICKS_A_SECOND, TICKS_MAX = 10_000, 10**7


@dataclass(frozen=True, slots=True)
class Order:
    tokens: int
    gap_ms: int
    stamped: bool = False
    waits: bool = False

    @property
    def model(self) -> str:
        return f"t{self.tokens}g{self.gap_ms}{'s' * self.stamped}{'w' * self.waits}"

    @property
    def mark(self) -> bytes:
        return b"~" if self.stamped else PLAIN


def ordered(request: bytes | bytearray) -> Order:
    found = NAME.search(request)
    if found is None:
        raise ValueError(f"no order in {bytes(request)!r}")
    tokens, gap, stamped, waits = found.groups()
    return Order(int(tokens), int(gap), bool(stamped), bool(waits))


def now_in_ticks() -> int:
    return int(time.monotonic() * TICKS_A_SECOND) % TICKS_MAX


def token(order: Order) -> bytes:
    return b"~%07d" % now_in_ticks() if order.stamped else PLAIN


def request_of(path: str, body: bytes, *more: str) -> str:
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *more]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", body.decode()])


def whole(buffer: bytearray) -> int:
    """How long the request at the beginning of the buffer is, or 0 while it is not all there."""
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        return 0
    found = LENGTH.search(buffer, 0, head)
    length = head + 4 + (int(found[1]) if found else 0)
    return length if len(buffer) >= length else 0


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)
