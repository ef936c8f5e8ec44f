"""Streams that run in another worker, or in none any more: their logs as far as this worker has readers for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from app.chat import listeners, replay
from app.clock import Clock
from app.db import Database, DatabaseUnavailable, Row
from app.errors import NotFound
from app.streams.log import Log
from app.streams.relay import Relay

LOOK_SECONDS = 0.25
# How often in the time after which an unread reply is given up it is noted that this one is read.
NOTES = 3


class Followed:
    """One stream, and a log for each of its readers here: what a crash cut short ends behind the last event that each
    of them knows.
    """

    def __init__(self) -> None:
        self.log = Log()
        # And how much each had seen when it came, perhaps more than there is of it here.
        self.readers: dict[Log, int] = {}
        self.following: asyncio.Task[None] | None = None
        # Whoever comes from then on follows it anew.
        self.is_over = False
        self.log.watch(self._pass_on)

    def enter(self, log: Log, seen: int) -> None:
        self.readers[log] = seen
        log.append(*self.log.frames)

    async def end(self, db: Database, row: Row) -> None:
        self.is_over = True
        for log, seen in list(self.readers.items()):
            rest = replay.to_the_end(row, max(seen, len(log.frames)))
            await replay.noted(db, row, rest)
            log.append(*rest.frames[len(log.frames) :])

    def close(self, *, broken: bool) -> None:
        self.is_over = True
        for log in self.readers:
            log.close(broken=broken)

    def _pass_on(self) -> None:
        for log in self.readers:
            log.append(*self.log.frames[len(log.frames) :])


class Elsewhere:
    def __init__(self, db: Database, relay: Relay, clock: Clock, abandoned_seconds: float) -> None:
        self._db, self._relay, self._clock = db, relay, clock
        self._note_every = timedelta(seconds=abandoned_seconds / NOTES)
        self._followed: dict[str, Followed] = {}

    def find(self, user_id: str, stream_id: str, seen: int) -> tuple[Log, Callable[[], None], Callable[[], None]]:
        """The log, what to call when a reader comes, and what when one goes. It is followed once for all readers."""
        log, its = Log(), Followed()

        def enter() -> None:
            nonlocal its
            its = self._followed.get(stream_id, its)
            if its.is_over:
                its = Followed()
            self._followed[stream_id] = its
            its.enter(log, seen)
            if its.following is None:
                its.following = asyncio.create_task(self._follow(user_id, stream_id, its))

        def leave() -> None:
            del its.readers[log]
            if not its.readers and its.following is not None:
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
        """Its row, once it has an ending: its worker's, or that of the recovery. It may be looked at until then.

        While the database is away the reply may go on all the same, so that says nothing of it.
        """
        noted_at = None
        while True:
            with suppress(DatabaseUnavailable):
                row = await self.row(user_id, stream_id)
                if row["state"] != "running":
                    return row
                meanwhile(row)
                # One that has just begun is not given up yet, and is mostly over before it could be.
                if (now := self._clock.now()) - (noted_at or row["started_at"]) >= self._note_every:
                    await self._note(stream_id)
                    noted_at = now
            await asyncio.sleep(LOOK_SECONDS)

    async def row(self, user_id: str, stream_id: str) -> Row:
        async with self._db.read() as session:
            row = await replay.find(session, user_id, stream_id)
        if row is None:
            raise NotFound
        return row

    async def _note(self, stream_id: str) -> None:
        async with self._db.begin() as session:
            await listeners.note(session, stream_id)

    async def _follow(self, user_id: str, stream_id: str, its: Followed) -> None:
        """What comes by the relay, and from the database whatever did not: what was written down, and the end. One that
        is deleted meanwhile has none any more.
        """
        is_whole = False
        try:
            with suppress(NotFound), self._relay.mirrored(stream_id, its.log):
                row = await self.ended(user_id, stream_id, partial(_catch_up, its.log))
                await its.end(self._db, row)
                is_whole = True
        finally:
            its.close(broken=not is_whole)


def _catch_up(log: Log, row: Row) -> None:
    """The relay is a moment behind its worker, and what is written down a second; so this is for when it is away."""
    written = row["lengths"].count(",") + 2 if row["lengths"] else 0
    if written > len(log.frames):
        log.append(*replay.so_far(row)[len(log.frames) :])
