"""What keeps a crash small: text is written down as it comes, and what a dead worker left is ended by another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from app.chat import closing, listeners, stops
from app.chat.closing import Ending
from app.chat.endings import Interrupted
from app.chat.events import as_data
from app.chat.turn import Facts, Reply, Turn
from app.chat.turns import Turns
from app.chat.workers import Workers
from app.clock import Clock
from app.conversations import messages
from app.db import Database, DatabaseUnavailable, LockedOut, Row, Session
from app.metering.meter import Meter
from app.observability import logs
from app.providers.models import Models
from app.settings import Settings

TICK_SECONDS = 0.25
SAVED_SECONDS_MAX = 1.0
SAVED_CHARS_MAX = 2048
SIGN_OFF_SECONDS = 0.5
LOST_LOOK_SECONDS = 2.0
# A commit whose line broke may come true a good while later.
LOST_SECONDS = 600.0
BATCH = 100
RUNNING = """
SELECT turns.*, messages.content, messages.tokens, messages.model AS answered_by FROM turns
LEFT JOIN workers ON workers.id = turns.worker
LEFT JOIN messages ON messages.id = turns.message_id
WHERE turns.state = 'running'
"""
# In the order of the index over what runs, or SQLite walks through all there ever was to save itself a sort.
LEFT_BEHIND = f"{RUNNING} AND workers.id IS NULL ORDER BY turns.user_id, turns.started_at, turns.id LIMIT {BATCH}"
ONE = f"{RUNNING} AND turns.id = $1"
OURS = "SELECT id FROM turns WHERE state = 'running' AND worker = $1"
# Who waits for one row keeps all others of the batch waiting, so whatever somebody else is at work on has to wait.
SAVE = """
UPDATE turns SET lengths = $2, meta = COALESCE($3, meta)
WHERE id = (SELECT id FROM turns WHERE id = $1 AND state = 'running' FOR NO KEY UPDATE SKIP LOCKED)
"""

log = logs.get("prome.chat")


class Recovery:
    def __init__(
        self, settings: Settings, clock: Clock, db: Database, meter: Meter, models: Models, turns: Turns
    ) -> None:
        self._clock, self._db, self._meter, self._models, self._turns = clock, db, meter, models, turns
        self._abandoned_seconds = settings.abandoned_seconds
        self._at_work: list[asyncio.Task[None]] = []
        self._workers = Workers(db, turns.worker)

    async def start(self) -> None:
        await self._workers.sign_on()
        await self.end_what_was_left()
        # Each in a task of its own: a sign of life must not wait for a checkpoint that waits for somebody else's lock.
        self._at_work = [
            asyncio.create_task(_again_and_again(name, seconds, work), name=name)
            for name, seconds, work in (
                ("sign_of_life", TICK_SECONDS, self._sign),
                ("checkpoints", TICK_SECONDS, self._tick),
                ("lost_turns", LOST_LOOK_SECONDS, self._end_what_was_lost),
            )
        ]

    async def stop(self) -> None:
        """Last of all, so that nobody waits for this worker to be taken for dead."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)
        try:
            async with asyncio.timeout(SIGN_OFF_SECONDS):
                await self._workers.sign_off()
        except (DatabaseUnavailable, TimeoutError):
            log.warning("worker_could_not_sign_off")

    async def end_what_was_left(self) -> int:
        """Each in a unit of its own, so that one that cannot end keeps no other from it."""
        ended, locked = 0, set[str]()
        while True:
            rows = await self._left_behind()
            outcomes = [await self._tried_to_end(row, locked) for row in rows]
            ended += sum(outcomes)
            if len(rows) < BATCH or not any(outcomes):
                return ended

    async def save(self) -> None:
        """All that is new of all turns in one unit; the turn's row before its message's, as its ending does."""
        now = asyncio.get_running_loop().time()
        due = [turn for turn in self._turns.running.values() if _is_due(turn, now)]
        for start in range(0, len(due), BATCH):
            unsaved = await self._db.transact(partial(_write, turns=due[start : start + BATCH], now=now))
            await self._stop_what_was_taken_over(unsaved)

    async def _sign(self) -> None:
        await self._workers.sign(asyncio.get_running_loop().time())

    async def _tick(self) -> None:
        await self._stop_unread()
        await self._stop_what_was_asked()
        await self.save()

    async def _stop_what_was_taken_over(self, turns: list[Turn]) -> None:
        """Another worker took us for dead and has ended them: nobody would pay for what they say from now on."""
        if not turns:
            return
        async with self._db.read() as session:
            ended = [turn for turn in turns if (await closing.read(session, turn.facts.stream_id)).state != "running"]
        for turn in ended:
            self._turns.stop_soon(turn.facts.stream_id)

    async def _stop_what_was_asked(self) -> None:
        """Of another worker, that is; our own are stopped at once."""
        if self._turns.running:
            async with self._db.read() as session:
                for stream_id in await stops.asked_of(session, self._turns.worker):
                    self._turns.stop_soon(stream_id)

    async def _stop_unread(self) -> None:
        """Another worker may have readers of it."""
        now = asyncio.get_running_loop().time()
        unread = [turn for turn in self._turns.running.values() if self._is_abandoned(turn, now)]
        if not unread:
            return
        async with self._db.read() as session:
            since = {turn: await listeners.seconds_since(session, turn.facts.stream_id) for turn in unread}
        for turn, seconds in since.items():
            if seconds is not None:
                turn.unread_since = now - seconds
            if self._is_abandoned(turn, now):
                log.info("reply_abandoned", stream=turn.facts.stream_id)
                self._turns.stop_soon(turn.facts.stream_id)

    def _is_abandoned(self, turn: Turn, now: float) -> bool:
        unread = turn.readers == 0 and not turn.may_be_unread and turn.stopping is None
        return unread and now - turn.unread_since > self._abandoned_seconds

    async def _left_behind(self) -> list[Row]:
        async with self._db.read() as session:
            return await session.rows(LEFT_BEHIND)

    async def _end_what_was_lost(self) -> None:
        """By this worker, because no other knows of it."""
        lost, locked = dict(self._turns.lost), set[str]()
        if not lost:
            return
        now = asyncio.get_running_loop().time()
        async with self._db.read() as session:
            ours = {row["id"] for row in await session.rows(OURS, self._turns.worker)}
            found = [await session.row(ONE, stream_id) for stream_id in sorted(ours & lost.keys())[:BATCH]]
        for row in found:
            if row is not None:
                await self._tried_to_end(row, locked)
        for stream_id, since in lost.items():
            if stream_id not in ours and now - since > LOST_SECONDS:
                self._turns.lost.pop(stream_id, None)

    async def _tried_to_end(self, row: Row, locked: set[str]) -> bool:
        """Those of one account wait for the same lock, so that one try is enough to know of them all."""
        if row["id"] in self._turns.running or row["user_id"] in locked:
            return False
        try:
            await self._end(row)
        except LockedOut:
            log.warning("turn_cannot_end_yet", stream=row["id"])
            locked.add(row["user_id"])
            return False
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.error("turn_cannot_end", stream=row["id"], exc_info=error)
            return False
        return True

    async def _end(self, row: Row) -> None:
        """Charges what was written down; what came after that is the house's loss."""
        facts = self._facts(row)
        text = (row["content"] or "")[row["content_from"] :]
        reply = Reply.written(text, row["lengths"])
        tokens = await facts.tokenizer.count_soon(text)
        ending = Ending("interrupted", tokens, charged=tokens > 0, error=Interrupted())
        answered_by = self._models.answering(facts.model, row["answered_by"])
        unit = partial(
            closing.close, facts=facts, reply=reply, ending=ending, answered_by=answered_by, now=self._clock.now()
        )
        _, resolution = await self._db.transact(unit)
        self._turns.lost.pop(row["id"], None)
        if resolution is not None:
            self._meter.count(resolution)
            log.warning("turn_was_left_behind", stream=row["id"], charged=resolution.charged)

    def _facts(self, row: Row) -> Facts:
        meta = as_data(row["meta"])
        model = self._models.known(row["model"])
        tokenizer = self._models.tokenizer(model)
        return Facts(
            stream_id=row["id"],
            user_id=row["user_id"],
            conversation_id=row["conversation_id"],
            message_id=row["message_id"],
            hold_id=row["hold_id"],
            model=model,
            tokenizer=tokenizer,
            prompt_tokens=meta["promptTokens"],
            history_tokens=meta["historyTokens"],
            sent_tokens=meta["promptTokens"],
            kept=(row["content"] or "")[: row["content_from"]],
            kept_tokens=row["tokens"] or 0,
        )


def _is_due(turn: Turn, now: float) -> bool:
    new = turn.chars - turn.saved_chars
    return new > 0 and (new >= SAVED_CHARS_MAX or now - turn.saved_at >= SAVED_SECONDS_MAX)


async def _again_and_again(name: str, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    is_away = False
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
            is_away = False
        except DatabaseUnavailable:
            if not is_away:
                log.warning("recovery_waits_for_the_database", work=name)
            is_away = True
        except Exception as error:
            log.error("recovery_failed", work=name, exc_info=error)


async def _write(session: Session, turns: list[Turn], now: float) -> list[Turn]:
    """Returns those that could not be: somebody else is at work on them, or has ended them."""
    unsaved = []
    for turn in turns:
        reply = turn.reply
        # Taken together: the reply goes on while the database is at work.
        lengths, text, chars = reply.lengths, turn.facts.kept + reply.text, turn.chars
        if await session.run(SAVE, turn.facts.stream_id, lengths, reply.meta):
            model_id = reply.model_id or turn.facts.model.id
            await messages.checkpoint(session, turn.facts.message_id, text, model_id)
            session.after_commit(partial(_saved, turn, chars, now))
        else:
            unsaved.append(turn)
    return unsaved


def _saved(turn: Turn, chars: int, now: float) -> None:
    turn.saved_chars, turn.saved_at = chars, now
