"""Streams that run in another worker, or in none any more: their logs as far as this worker has readers for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from app.chat import replay
from app.db import Database, Row
from app.errors import NotFound
from app.streams.log import Log
from app.streams.relay import Relay

LOOK_SECONDS = 0.25
SAY_READ_SECONDS = 20.0


class Followed:
    """One stream as its readers here see it: most of them in one log."""

    def __init__(self) -> None:
        self.log = Log()
        self.readers = 0
        # Those who had seen more than there was of it here have a log each, and by how much. What a crash cut short
        # ends behind the last event that each of them knows.
        self.ahead: dict[Log, int] = {}
        self.following: asyncio.Task[None] | None = None
        # Whoever comes from then on follows it anew.
        self.is_over = False
        self.log.watch(self._pass_on)

    @property
    def is_read(self) -> bool:
        return bool(self.readers or self.ahead)

    def log_for(self, seen: int) -> Log:
        return self.log if seen <= len(self.log.frames) else Log()

    def enter(self, log: Log, seen: int) -> None:
        if log is self.log:
            self.readers += 1
        else:
            self.ahead[log] = seen
            log.append(*self.log.frames)

    def leave(self, log: Log) -> None:
        if log is self.log:
            self.readers -= 1
        else:
            del self.ahead[log]

    def end(self) -> Iterator[tuple[Log, int]]:
        """Each log that somebody reads, from now on by itself, and how much of it they have seen at most."""
        self.is_over = True
        self.log.unwatch(self._pass_on)
        for log, seen in list(self.ahead.items()):
            yield log, max(seen, len(log.frames))
        if self.readers:
            yield self.log, len(self.log.frames)

    def close(self) -> None:
        self.is_over = True
        for log in (*self.ahead, self.log):
            log.close()

    def _pass_on(self) -> None:
        for log in self.ahead:
            log.append(*self.log.frames[len(log.frames) :])


class Elsewhere:
    def __init__(self, db: Database, relay: Relay) -> None:
        self._db, self._relay = db, relay
        self._followed: dict[str, Followed] = {}

    def find(self, user_id: str, stream_id: str, seen: int) -> tuple[Log, Callable[[], None], Callable[[], None]]:
        """The log, what to call when a reader comes, and what when one goes. It is followed once for all readers."""
        known = self._followed.get(stream_id)
        its = Followed() if known is None or known.is_over else known
        log = its.log_for(seen)

        def enter() -> None:
            nonlocal its
            if its.is_over and log is not its.log:
                its = Followed()
            self._followed[stream_id] = its
            its.enter(log, seen)
            if its.following is None:
                its.following = asyncio.create_task(self._follow(user_id, stream_id, its))

        def leave() -> None:
            its.leave(log)
            if not its.is_read and its.following is not None:
                its.following.cancel()
                if self._followed.get(stream_id) is its:
                    del self._followed[stream_id]

        return log, enter, leave

    async def drain(self, seconds: float) -> None:
        """Waits until those that are read have ended, and those that somebody comes to read meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while following := [
                    task for its in self._followed.values() if (task := its.following) and not task.done()
                ]:
                    await asyncio.wait(following)

    async def ended(self, user_id: str, stream_id: str, meanwhile: Callable[[Row], None] = lambda _: None) -> Row:
        """Its row, once it has an ending: its worker's, or that of the recovery. It may be looked at until then."""
        looks = 0
        while (row := await self.row(user_id, stream_id))["state"] == "running":
            meanwhile(row)
            if looks % int(SAY_READ_SECONDS / LOOK_SECONDS) == 0:
                self._relay.say_read(stream_id)
            looks += 1
            await asyncio.sleep(LOOK_SECONDS)
        return row

    async def row(self, user_id: str, stream_id: str) -> Row:
        async with self._db.read() as session:
            row = await replay.find(session, user_id, stream_id)
        if row is None:
            raise NotFound
        return row

    async def _follow(self, user_id: str, stream_id: str, its: Followed) -> None:
        """What comes by the relay, and from the database whatever did not: what was written down, and the end."""
        try:
            with self._relay.mirrored(stream_id, its.log):
                row = await self.ended(user_id, stream_id, partial(_catch_up, its.log))
            for log, seen in its.end():
                rest = replay.to_the_end(row, seen)
                await replay.noted(self._db, row, rest)
                log.append(*rest.frames[len(log.frames) :])
        finally:
            its.close()


def _catch_up(log: Log, row: Row) -> None:
    """The relay is a moment behind its worker, and what is written down a second; so this is for when it is away."""
    written = row["lengths"].count(",") + 2 if row["lengths"] else 0
    if written > len(log.frames):
        log.append(*replay.so_far(row)[len(log.frames) :])
