"""All turns of this process: started, found, stopped, and each run to its end whoever is watching."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from app.chat import asks, closing, endings, replay
from app.chat.asks import Ask, Plan
from app.chat.endings import Draining
from app.chat.opening import Limits, open_turn
from app.chat.turn import Turn
from app.clock import Clock
from app.db import Database, DatabaseUnavailable, LockedOut
from app.edge.idempotency import Ask as Repeatable
from app.errors import Unavailable
from app.ids import new_id
from app.ledger import ledger
from app.ledger.ledger import InsufficientTokens, Terms
from app.metering.meter import REPLY_TOKENS_MIN, Meter, Quote
from app.observability import logs
from app.providers.catalogue import Model
from app.providers.failover import Replies
from app.providers.models import Models
from app.providers.provider import Enough, PromptMessage
from app.providers.tokens import Tokenizer
from app.settings import Settings
from app.streams.relay import Relay

# With others to fall back to, `meta` waits this long for the one who will answer.
META_SECONDS_MAX = 0.15
# Beyond the longest reply: its ending, also when the database is away for a while, and a sweep of what was left.
HOLD_GRACE = timedelta(minutes=5)
# When for so long no reply could be ended, the database is away, and a server that stops waits no longer.
STUCK_SECONDS = 1.0

log = logs.get("prome.chat")


class TooBusy(Unavailable):
    code, message = "too_busy", "There are more conversations going on than we can serve. Please try again shortly."


class Turns:
    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        db: Database,
        meter: Meter,
        models: Models,
        replies: Replies,
        on_done: Callable[[Turn], None],
        relay: Relay,
    ) -> None:
        """`on_done` hears of each turn that came to a good end, and must not keep it waiting."""
        self._on_done = on_done
        self._clock, self._db, self._meter, self._models, self._replies = clock, db, meter, models, replies
        self._turns_max = settings.turns_max
        lifetime = timedelta(seconds=settings.turn_seconds_max) + HOLD_GRACE
        self._limits = Limits(settings.turns_per_user_max, settings.turns_per_subscriber_max, lifetime)
        self._relay = relay
        self.worker = new_id("wrk")
        self.running: dict[str, Turn] = {}
        # Nobody runs those, though they may be written down as running here; the recovery ends them instead.
        # Since when is kept with each.
        self.lost: dict[str, float] = {}
        self.draining = False
        self._work: set[asyncio.Task[Any]] = set()

    async def planned(self, ask: Ask) -> tuple[Plan, Quote]:
        """What it would be and cost; nothing is written and nobody is asked."""
        model = self._models.pick(ask.model_id)
        # With a conversation comes its history, which may be long.
        looking = self._db.read() if ask.conversation_id else self._db.glance()
        async with looking as session:
            place = await asks.find_place(session, ask, model)
        plan = await asks.plan(ask, place, model, self._models.tokenizer(model), self._clock.now())
        return plan, plan.quote(place.has)

    def tokenizer_of(self, model_id: str) -> Tokenizer:
        return self._models.tokenizer(self._models.known(model_id))

    async def start(self, ask: Ask, again: Repeatable | None = None) -> Turn:
        """In a task of its own: whoever asked may be gone before the answer, and the turn runs all the same."""
        if self.draining:
            raise Draining("The server is being restarted; please ask again in a moment.", retry_after_seconds=5)
        if len(self.running) >= self._turns_max:
            raise TooBusy(retry_after_seconds=2)
        return await asyncio.shield(self._keep(self._start(ask, again)))

    async def stop(self, turn: Turn, why: str = "stopped") -> None:
        """Hangs up on the upstream; returns when the turn has ended."""
        if turn.stopping is None and turn.speaking is not None:
            turn.stopping = why
            turn.speaking.cancel()
        await turn.over()

    def stop_soon(self, stream_id: str) -> None:
        """Asked for by another worker, which looks for the ending by itself."""
        turn = self.running.get(stream_id)
        if turn is not None:
            self._keep(self.stop(turn))

    async def drain(self, seconds: float) -> None:
        """No new ones; those that run may go on for a while, and are then ended in order."""
        self.draining = True
        waiting = [asyncio.create_task(turn.over()) for turn in self.running.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=seconds)
        for task in waiting:
            task.cancel()
        await self._end_all()

    async def _end_all(self) -> None:
        """For as long as one ends after the other. What is left then is in the database, and another worker or the next
        start ends it.
        """
        stopping = {asyncio.create_task(self.stop(turn, "draining")) for turn in self.running.values()}
        is_stuck = False
        while stopping and not is_stuck:
            ended, stopping = await asyncio.wait(stopping, timeout=STUCK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            is_stuck = not ended
        for task in stopping:
            task.cancel()
        for turn in list(self.running.values()) if is_stuck else []:
            self._leave_to_others(turn)

    def _leave_to_others(self, turn: Turn) -> None:
        log.warning("reply_is_left_to_others", stream=turn.facts.stream_id)
        if turn.closing is not None:
            turn.closing.cancel()
        del self.running[turn.facts.stream_id]
        turn.finish(None, [])

    async def _start(self, ask: Ask, again: Repeatable | None) -> Turn:
        """Between the quote and the hold another reply may have taken its part: then it is quoted again."""
        if ask.conversation_id is not None:
            async with self._db.glance() as session:
                await asks.require_quiet(session, ask.user_id, ask.conversation_id)
        while True:
            plan, quote = await self.planned(ask)
            if not quote.affordable:
                raise await self._not_affordable(plan)
            stream_id = new_id("str")
            unit = partial(
                open_turn, stream_id=stream_id, plan=plan, quote=quote, limits=self._limits, worker=self.worker,
                again=again, now=self._clock.now(),
            )  # fmt: skip
            try:
                facts, meta = await self._db.transact(unit, of=ask.user_id)
            except InsufficientTokens:
                continue
            except LockedOut:
                raise
            except DatabaseUnavailable:
                # It may have been written all the same, when only the answer to that was lost.
                self._lose(stream_id)
                raise
            turn = Turn(facts, meta, quote.max_tokens, asyncio.get_running_loop().time())
            self._run(turn, plan.prompt.messages)
            return turn

    async def _not_affordable(self, plan: Plan) -> InsufficientTokens:
        """Names the least that would do."""
        async with self._db.read() as session:
            has = await ledger.balance(session, plan.ask.user_id)
        least = Terms(plan.prompt_tokens, min(plan.reply_tokens, REPLY_TOKENS_MIN), plan.rates).tokens
        return InsufficientTokens(
            balance=has.balance,
            available=has.available,
            needed=least,
            affordable=plan.rates.affordable(has.available, plan.prompt_tokens),
        )

    def _run(self, turn: Turn, messages: tuple[PromptMessage, ...]) -> None:
        self.running[turn.facts.stream_id] = turn
        self._relay.share(turn.facts.stream_id, turn.log)
        turn.speaking = asyncio.create_task(self._speak(turn, messages))
        turn.speaking.add_done_callback(lambda _: self._begin_to_end(turn))

    def _begin_to_end(self, turn: Turn) -> None:
        turn.closing = self._keep(self._end(turn))

    async def _speak(self, turn: Turn, messages: tuple[PromptMessage, ...]) -> None:
        """Owns the call to the upstream and nothing else. It may be cancelled at any moment."""
        turn.asked = True
        model = turn.facts.model
        if len(self._models.chain(model)) == 1:
            turn.say_meta()
        else:
            asyncio.get_running_loop().call_later(META_SECONDS_MAX, turn.say_meta)
        with suppress(Enough):
            await self._replies.reply(model, messages, turn.max_tokens, turn.take)

    async def _end(self, turn: Turn) -> None:
        """Readers are told what is in the database, and not before it is there."""
        facts, ended, frames = turn.facts, None, []
        try:
            ending = await endings.ending_of(turn)
            unit = partial(
                closing.close, facts=facts, reply=turn.reply, ending=ending, answered_by=self._answered_by(turn),
                now=self._clock.now(),
            )  # fmt: skip
            ended, resolution = await self._meter.insist(unit, facts.hold_id, of=facts.user_id)
            if resolution is not None:
                self._meter.count(resolution)
            turn.say_meta()
            frames = endings.ending_frames(len(turn.log.frames), ended, facts.conversation_id, facts.message_id)
            if endings.was_left_behind(ended):
                # Another worker took us for dead; readers here have seen more than it could know of.
                last = len(turn.log.frames) + len(frames) - 1
                await self._db.transact(partial(replay.note_told, stream_id=facts.stream_id, last=last))
        except Exception as error:
            log.error("turn_could_not_end", stream=facts.stream_id, exc_info=error)
            self._lose(facts.stream_id)
        finally:
            self.running.pop(facts.stream_id, None)
            turn.finish(ended, frames)
        if ended is not None and ended.state == "done" and not self.draining:
            self._on_done(turn)

    def _lose(self, stream_id: str) -> None:
        self.lost[stream_id] = asyncio.get_running_loop().time()

    def _answered_by(self, turn: Turn) -> Model:
        return self._models.answering(turn.facts.model, turn.reply.model_id)

    def _keep(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task
