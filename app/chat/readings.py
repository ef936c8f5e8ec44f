"""A stream as somebody reads it: live from this process, or made again from the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from app.chat import asks, closing, replay, stops
from app.chat.asks import Ask
from app.chat.elsewhere import Elsewhere
from app.chat.events import as_data
from app.chat.opening import AlreadyAsked
from app.chat.turn import Ended, Turn
from app.chat.turns import Turns
from app.clock import Clock
from app.db import Database, Row
from app.edge import idempotency
from app.edge.idempotency import Ask as Repeatable
from app.errors import AppError, Invalid, Unavailable
from app.settings import Settings
from app.streams.log import Log
from app.streams.relay import Relay

BEGIN_SECONDS = 0.02
STOP_SECONDS_MAX = 10.0
# From the ending of a reply to when another worker has heard of it.
ENDING_SECONDS = 0.75


class NotStopped(Unavailable):
    code, message = "not_stopped", "This reply runs on another server, which has not answered yet. Please try again."


@dataclass(slots=True)
class Reading:
    stream_id: str
    conversation_id: str
    message_id: str
    log: Log
    # How many of its events the reader has seen.
    seen: int
    turn: Turn | None = None
    # Called when the reader begins, and when it goes.
    enter: Callable[[], None] = lambda: None
    leave: Callable[[], None] = lambda: None
    # Whoever asks for it has asked for the same before.
    is_replayed: bool = False

    @property
    def is_over(self) -> bool:
        return self.log.ended(self.seen)


@dataclass(frozen=True, slots=True)
class Told:
    """All of a reply, once it has ended."""

    content: str
    ended: Ended


class Readings:
    def __init__(self, settings: Settings, clock: Clock, db: Database, turns: Turns, relay: Relay) -> None:
        self._clock, self._db, self._turns, self._relay = clock, db, turns, relay
        self._elsewhere = Elsewhere(db, relay, clock, settings.abandoned_seconds)
        self._retention = timedelta(seconds=settings.stream_retention_seconds)
        self._listening: set[asyncio.Task[None]] = set()

    def of(self, turn: Turn) -> Reading:
        facts = turn.facts
        names = (facts.stream_id, facts.conversation_id, facts.message_id)
        return Reading(*names, turn.log, 0, turn, turn.enter, turn.leave)

    async def begin(self, ask: Ask, again: Repeatable | None, *, unread: bool) -> Reading:
        """A new turn, or the one that the same request has begun before."""
        reading = await self._begun(again) or await self._started(ask, again)
        if unread:
            self._let_it_run(ask.user_id, reading)
        return reading

    async def _started(self, ask: Ask, again: Repeatable | None) -> Reading:
        try:
            return self.of(await self._turns.start(ask, again))
        except (AlreadyAsked, AppError):
            # What the same request has begun meanwhile may also be why there is no room for it, or no balance.
            if (before := await self._begun(again)) is None:
                raise
            return before

    def _let_it_run(self, user_id: str, reading: Reading) -> None:
        """Somebody was promised all of it, so nobody has to listen. Elsewhere that takes a listener, and this is it."""
        if reading.turn is not None:
            reading.turn.may_be_unread = True
        elif not reading.is_over:
            listening = asyncio.create_task(self._listen(user_id, reading.stream_id))
            self._listening.add(listening)
            listening.add_done_callback(self._listening.discard)

    async def _listen(self, user_id: str, stream_id: str) -> None:
        with suppress(AppError):
            await self._elsewhere.ended(user_id, stream_id)

    async def _begun(self, again: Repeatable | None) -> Reading | None:
        if again is None:
            return None
        async with self._db.read() as session:
            first = await idempotency.find(session, again)
        if first is None or first.stream_id is None:
            return None
        reading = await self.find(again.user_id, first.stream_id)
        reading.is_replayed = True
        return reading

    async def find(self, user_id: str, stream_id: str, after: int | None = None, *, said_in: str = "after") -> Reading:
        if (reading := self._live(user_id, stream_id, after, said_in)) is not None:
            return reading
        row = await self._elsewhere.row(user_id, stream_id)
        while self._is_about_to_run(row):
            await asyncio.sleep(BEGIN_SECONDS)
            if (reading := self._live(user_id, stream_id, after, said_in)) is not None:
                return reading
            row = await self._elsewhere.row(user_id, stream_id)
        names = (stream_id, row["conversation_id"], row["message_id"])
        if row["state"] == "running":
            seen = 0 if after is None else after + 1
            log, enter, leave = self._elsewhere.find(user_id, stream_id, seen)
            return Reading(*names, log, seen, None, enter, leave)
        replayed = replay.replayed(row, after, self._clock.now(), self._retention)
        await replay.noted(self._db, row, replayed)
        log = Log()
        log.close(*replayed.frames)
        return Reading(*names, log, replayed.seen)

    def _is_about_to_run(self, row: Row) -> bool:
        """Written down this very moment; whoever began it may hear of that later than we do."""
        ours = row["state"] == "running" and row["worker"] == self._turns.worker
        return ours and row["id"] not in self._turns.lost

    def _live(self, user_id: str, stream_id: str, after: int | None, said_in: str) -> Reading | None:
        turn = self._turns.running.get(stream_id)
        if turn is None or turn.facts.user_id != user_id:
            return None
        reading = self.of(turn)
        reading.seen = 0 if after is None else after + 1
        if reading.seen > len(turn.log.frames):
            raise Invalid.field(said_in, "This stream has not come that far yet.")
        return reading

    async def told(self, user_id: str, reading: Reading) -> Told:
        """Waits for the end."""
        if reading.turn is not None:
            await reading.turn.over()
            if reading.turn.ending is not None:
                return Told(reading.turn.reply.text, reading.turn.ending)
        row = await self._elsewhere.ended(user_id, reading.stream_id)
        return Told(replay.said(row), closing.as_ended(row))

    async def drain(self, seconds: float) -> None:
        """Replies of other workers may come to their end here, too, and those of one that is told to stop as well."""
        await self._elsewhere.drain(seconds + ENDING_SECONDS)

    async def stop(self, user_id: str, stream_id: str) -> dict[str, object]:
        """The final usage. Stopping what has ended changes nothing."""
        turn = self._turns.running.get(stream_id)
        if turn is not None and turn.facts.user_id == user_id:
            await self._turns.stop(turn)
        else:
            async with self._db.begin() as session:
                await stops.ask(session, user_id, stream_id, self._clock.now())
            # Only sooner than its worker would find it written.
            self._relay.ask_to_stop(stream_id)
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                row = await self._elsewhere.ended(user_id, stream_id)
        except TimeoutError:
            raise NotStopped from None
        if row["usage"]:
            return as_data(row["usage"])
        return closing.nothing_used(row, self._turns.tokenizer_of(row["model"]))

    async def stop_in(self, user_id: str, conversation_id: str) -> None:
        """Nobody pays for the rest of a reply in a conversation that is about to be deleted."""
        for row in await self.running(user_id):
            if row["conversation_id"] == conversation_id:
                await self.stop(user_id, row["id"])

    async def running(self, user_id: str) -> list[Row]:
        async with self._db.read() as session:
            return await asks.running(session, user_id)
