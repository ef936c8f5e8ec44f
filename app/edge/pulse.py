"""Whoever reads a stream here, and the pulse that looks after all of them together.

It has those hear a comment that have heard nothing for a while, and dismisses those whose session has ended. Who does
not take what they are sent is cut off by the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from app.db import DatabaseUnavailable
from app.observability import logs

log = logs.get("prome.readers")
PULSE_SECONDS = 1.0
SILENCE_SECONDS_MAX = 10.0
LOOK_SECONDS = 3.0


class Reader:
    """An open connection that is told things as they happen. Its owner is the session that opened it."""

    def __init__(self, owner: str) -> None:
        self.owner, self._now = owner, asyncio.get_running_loop().time
        self.sent_at = self._now()
        self.silent = False
        # Gone: reads no more. Left: went by itself, so that there is nobody to say goodbye to.
        self.gone = self.left = False
        self._asleep: asyncio.Future[None] | None = None

    @property
    def is_about_to_end(self) -> bool:
        """By itself, without being dismissed."""
        return False

    def wake(self) -> None:
        asleep, self._asleep = self._asleep, None
        if asleep is not None and not asleep.done():
            asleep.set_result(None)

    def dismiss(self) -> None:
        self.gone = True
        self.wake()

    def leave(self) -> None:
        self.left = True
        self.dismiss()

    def sent(self) -> None:
        self.sent_at, self.silent = self._now(), False

    async def sleep(self) -> None:
        if not self.gone:
            self._asleep = asyncio.get_running_loop().create_future()
            await self._asleep


# Given the owners of open readers, answers with those that may go on reading.
MayRead = Callable[[set[str]], Awaitable[set[str]]]


class Readers:
    """All open readers of this process. Who signs out stops reading a moment later."""

    def __init__(self, may_read: MayRead, *, silence_seconds_max: float = SILENCE_SECONDS_MAX) -> None:
        self.open: set[Reader] = set()
        self._is_over = False
        self._may_read, self._looked_at = may_read, 0.0
        self._silence_seconds_max = silence_seconds_max
        self._pulse: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._pulse = asyncio.create_task(self._beat(), name="pulse of the readers")

    def stop(self) -> None:
        """Ends every reading of what has no end yet; the others are about to end by themselves. It is the same for
        those that come between this and the closing of the doors.
        """
        self._is_over = True
        if self._pulse is not None:
            self._pulse.cancel()
        self.dismiss(reader for reader in self.open if not reader.is_about_to_end)

    def enter(self, reader: Reader) -> None:
        self.open.add(reader)
        if self._is_over and not reader.is_about_to_end:
            reader.dismiss()

    def leave(self, reader: Reader) -> None:
        self.open.discard(reader)

    def dismiss(self, readers: Iterable[Reader]) -> None:
        for reader in list(readers):
            reader.dismiss()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            now = loop.time()
            for reader in self.open:
                if now - reader.sent_at > self._silence_seconds_max:
                    reader.silent = True
                    reader.wake()
            if now - self._looked_at > LOOK_SECONDS:
                self._looked_at = now
                await self._dismiss_strangers()

    async def _dismiss_strangers(self) -> None:
        owners = {reader.owner for reader in self.open}
        try:
            welcome = await self._may_read(owners) if owners else set()
        except DatabaseUnavailable:
            return
        except Exception as error:
            log.error("sessions_cannot_be_looked_at", exc_info=error)
            return
        self.dismiss(reader for reader in self.open if reader.owner in owners - welcome)
