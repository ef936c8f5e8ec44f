"""What was logged, read as an operator's tools would read it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import httpx2
import orjson
import structlog

from app.observability import logs
from app.settings import Settings


class Lines:
    def __init__(self, stream: StringIO | None = None) -> None:
        self.stream = stream or StringIO()

    def text(self) -> str:
        return self.stream.getvalue()

    def all(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.text().splitlines()]

    def of(self, response: httpx2.Response) -> list[dict[str, Any]]:
        return [line for line in self.all() if line.get("request_id") == response.headers["x-request-id"]]


@contextmanager
def logged(settings: Settings, stream: StringIO | None = None) -> Iterator[Lines]:
    """Logging is the whole process's, so it is put back as it was."""
    root, lines = logging.getLogger(), Lines(stream)
    handlers, level = root.handlers, root.level
    logs.configure(settings, lines.stream)
    yield lines
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
