"""What workers tell each other of their streams and topics. One worker alone has nobody to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from app.streams.log import Log

Heard = Callable[[str], None]


class Relay(Protocol):
    async def open(self, *, on_stop: Heard) -> None: ...

    async def close(self) -> None: ...

    def share(self, stream_id: str, log: Log) -> None:
        """What is written to this log from now on, and was before, can be read by other workers."""

    def mirrored(self, stream_id: str, log: Log) -> AbstractContextManager[None]:
        """Inside, this log grows as the one of the same stream does in another worker."""

    def ask_to_stop(self, stream_id: str) -> None:
        """Whichever worker runs it."""


class Alone:
    """The relay of a single worker."""

    async def open(self, *, on_stop: Heard) -> None:
        """Nobody will ever call."""

    async def close(self) -> None:
        """Nothing was opened."""

    def share(self, stream_id: str, log: Log) -> None:
        """Nobody else reads it."""

    @contextmanager
    def mirrored(self, stream_id: str, log: Log) -> Iterator[None]:
        yield

    def ask_to_stop(self, stream_id: str) -> None:
        """Nobody else runs it."""
