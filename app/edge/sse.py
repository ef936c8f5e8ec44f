"""Server-sent events as bytes: one frame an event, `\\n` line ends, one `data:` line of JSON."""

from __future__ import annotations

from typing import Any

import orjson

CONTENT_TYPE = "text/event-stream; charset=utf-8"
# Says nothing, only that the line is open.
COMMENT = b": still here\n\n"
STREAM_HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


def frame(number: int, event: str, data: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, event.encode(), orjson.dumps(data))
