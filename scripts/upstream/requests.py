"""Just enough HTTP/1.1 to be asked: a head, and a body of known length."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    def tokens_max(self, otherwise: int) -> int:
        found = self.body.get("max_completion_tokens", self.body.get("max_tokens"))
        return found if isinstance(found, int) else otherwise


def take(buffer: bytearray) -> Request | None:
    """The first whole request, cut off the buffer; `None` while it is not whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", 0))
    start = end + 4
    if len(buffer) < start + length:
        return None
    content = bytes(buffer[start : start + length])
    del buffer[: start + length]
    method, path, *_ = first.split(" ")
    return Request(method, path.partition("?")[0], headers, _object(content))


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
