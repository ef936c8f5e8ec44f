"""A stream as somebody reads it: live from this process, or made again from the database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from app.chat import asks, closing, replay
from app.chat.asks import Ask
from app.chat.events import as_data
from app.chat.opening import AlreadyAsked
from app.chat.turn import Ended, Turn
from app.chat.turns import Turns
from app.clock import Clock
from app.db import Database, Row
from app.edge import idempotency
from app.edge.idempotency import Ask as Repeatable
from app.errors import Invalid, NotFound
from app.settings import Settings
from app.streams.log import Log

LOOK_SECONDS = 0.25


@dataclass(slots=True)
class Reading:
    stream_id: str
    conversation_id: str
    message_id: str
    log: Log
    # How many of its events the reader has seen.
    seen: int
    turn: Turn | None = None
    row: Row | None = None
    looking: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        return self.log.ended(self.seen)

    def enter(self) -> None:
        if self.turn is not None:
            self.turn.enter()

    def leave(self) -> None:
        if self.turn is not None:
            self.turn.leave()
        if self.looking is not None:
            self.looking.cancel()


@dataclass(frozen=True, slots=True)
class Told:
    """All of a reply, once it has ended."""

    content: str
    ended: Ended


class Readings:
    def __init__(self, settings: Settings, clock: Clock, db: Database, turns: Turns) -> None:
        self._clock, self._db, self._turns = clock, db, turns
        self._retention = timedelta(seconds=settings.stream_retention_seconds)

    def of(self, turn: Turn) -> Reading:
        facts = turn.facts
        return Reading(facts.stream_id, facts.conversation_id, facts.message_id, turn.log, 0, turn)

    async def begin(self, ask: Ask, again: Repeatable | None, *, unread: bool) -> tuple[Reading, bool]:
        """A new turn, or the one that the same request has begun before."""
        if again is not None:
            async with self._db.read() as session:
                first = await idempotency.find(session, again)
            if first is not None and first.stream_id is not None:
                return await self.find(ask.user_id, first.stream_id), True
        try:
            turn = await self._turns.start(ask, again)
        except AlreadyAsked as before:
            return await self.find(ask.user_id, before.stream_id), True
        turn.may_be_unread = unread
        return self.of(turn), False

    async def find(self, user_id: str, stream_id: str, after: int | None = None) -> Reading:
        turn = self._turns.running.get(stream_id)
        if turn is not None and turn.facts.user_id == user_id:
            reading = self.of(turn)
            reading.seen = 0 if after is None else after + 1
            if reading.seen > len(turn.log.frames):
                raise Invalid.field("after", "This stream has not come that far yet.")
            return reading
        row = await self._row(user_id, stream_id)
        reading = Reading(stream_id, row["conversation_id"], row["message_id"], Log(), 0, row=row)
        if row["state"] == "running":
            reading.seen = 0 if after is None else after + 1
            reading.looking = asyncio.create_task(self._follow(reading, user_id, after))
        else:
            await self._replay(reading, row, after)
        return reading

    async def told(self, user_id: str, reading: Reading) -> Told:
        """Waits for the end."""
        if reading.turn is not None:
            await reading.turn.ended.wait()
            if reading.turn.ending is not None:
                return Told(reading.turn.reply.text, reading.turn.ending)
        row = await self._ended_row(user_id, reading.stream_id)
        return Told(row["content"][row["content_from"] :], closing.as_ended(row))

    async def stop(self, user_id: str, stream_id: str) -> dict[str, object]:
        """The final usage. Stopping what has ended changes nothing."""
        turn = self._turns.running.get(stream_id)
        if turn is not None and turn.facts.user_id == user_id:
            await self._turns.stop(turn)
        row = await self._ended_row(user_id, stream_id)
        return as_data(row["usage"]) if row["usage"] else closing.nothing_used(row)

    async def running(self, user_id: str) -> list[Row]:
        async with self._db.read() as session:
            return await asks.running(session, user_id)

    async def _row(self, user_id: str, stream_id: str) -> Row:
        async with self._db.read() as session:
            row = await replay.find(session, user_id, stream_id)
        if row is None:
            raise NotFound
        return row

    async def _ended_row(self, user_id: str, stream_id: str) -> Row:
        """One that runs elsewhere, or was left behind, is ended there or by the recovery."""
        row = await self._row(user_id, stream_id)
        while row["state"] == "running":
            await asyncio.sleep(LOOK_SECONDS)
            row = await self._row(user_id, stream_id)
        return row

    async def _follow(self, reading: Reading, user_id: str, after: int | None) -> None:
        try:
            await self._replay(reading, await self._ended_row(user_id, reading.stream_id), after)
        except NotFound:
            reading.log.close()

    async def _replay(self, reading: Reading, row: Row, after: int | None) -> None:
        replayed = replay.replayed(row, after, self._clock.now(), self._retention)
        if replayed.note is not None:
            async with self._db.begin() as session:
                await replay.note(session, row, replayed)
        reading.seen = replayed.seen
        reading.log.append(*replayed.frames)
        reading.log.close()
