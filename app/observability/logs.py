"""Logs: JSON in production, for the eye in development, and scrubbed of secrets in both."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, TextIO
from urllib.parse import unquote

import structlog
from pydantic import SecretStr
from structlog.typing import FilteringBoundLogger

from app.observability import context
from app.settings import Settings

Event = MutableMapping[str, Any]
SECRET_NAMES = re.compile(r"(password|secret|token|authorization|cookie|pepper|api_?key|ticket)", re.IGNORECASE)
SECRET_SHAPES = (
    r"Bearer\s+\S+"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|(?:sk|rk)_(?:live|test)_\w+|whsec_\w+|sk-[\w-]{16,}"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
    r"|\$2[aby]\$\d\d\$[./\w]{53}"
)
SECRET_CHARS_MIN = 6
HIDDEN = "[hidden]"


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """One form for our own lines, which go out at once, and for those of the standard library's loggers, uvicorn's
    among them.
    """
    stream, level = stream or sys.stderr, logging.getLevelName(settings.log_level)
    first: list[Any] = [
        structlog.stdlib.add_log_level,
        _add_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_context,
    ]
    last: list[Any] = [
        structlog.processors.format_exc_info,
        Scrubber(_secrets(settings)),
        structlog.processors.JSONRenderer() if settings.in_production else structlog.dev.ConsoleRenderer(colors=False),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=first, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers, root.level = [handler], level
    for noisy in ("sse_starlette", "aiosqlite", "asyncio", "httpcore", "httpcore2"):
        logging.getLogger(noisy).setLevel(max(logging.INFO, level))
    # These log every address they ask, and the address of an upstream may carry its key.
    for talkative in ("httpx", "httpx2"):
        logging.getLogger(talkative).setLevel(max(logging.WARNING, level))
    structlog.configure(
        processors=[*first, *last],
        logger_factory=partial(Lines, stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


class Lines(structlog.WriteLogger):
    """Writes them by itself: each request has one, which the standard library takes more than twice as long for."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name

    def msg(self, message: str) -> None:
        """One that cannot be written, on a full disk or into a pipe without an end, is lost and stops nobody."""
        with suppress(OSError, ValueError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


class Scrubber:
    """The last line of defence: our own secrets, names that sound like one and texts that look like one are hidden."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        own = sorted((one for one in secrets if len(one) >= SECRET_CHARS_MIN), key=len, reverse=True)
        self._secret = re.compile("|".join([*map(re.escape, own), SECRET_SHAPES]))

    def __call__(self, _logger: Any, _method: str, event: Event) -> Event:
        for name, value in event.items():
            # Numbers stay: this service counts tokens, and a count is no secret.
            if isinstance(value, int | float | None):
                continue
            event[name] = HIDDEN if SECRET_NAMES.search(name) else self._secret.sub(HIDDEN, str(value))
        return event


def _secrets(settings: Settings) -> list[str]:
    """Whole, and as the parts that a library may put into its message: one of a list, or the password of an address."""
    whole = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    parts = [part.strip() for secret in whole for part in secret.split(",")]
    passwords = re.findall(r"://[^/\s:@]*:([^/\s@]+)@", " ".join([*parts, settings.database_url, settings.redis_url]))
    return [*whole, *parts, *passwords, *map(unquote, passwords)]


def _add_name(logger: Lines | None, _method: str, event: Event) -> Event:
    """Its logger's: one of ours, or the one that made the record."""
    event["logger"] = logger.name if logger is not None else event["_record"].name
    return event


def _add_context(_logger: Any, _method: str, event: Event) -> Event:
    for name, variable in (("request_id", context.request_id), ("user_id", context.user_id)):
        if value := variable.get():
            event.setdefault(name, value)
    return event
