"""One running turn: what has been said so far, who reads it, and the log they read it from."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from app.chat import events
from app.chat.events import Data
from app.edge.flag import Flag
from app.providers.catalogue import Model
from app.providers.provider import Answering, Attempt, Enough, Finished, Part, Pause, Reported, Words
from app.providers.tokens import Tokenizer
from app.streams.log import Log, next_change


@dataclass(frozen=True, slots=True)
class Facts:
    """What a turn is about, and all that its ending needs to know."""

    stream_id: str
    user_id: str
    conversation_id: str
    message_id: str
    hold_id: str
    model: Model
    tokenizer: Tokenizer
    # What is charged of the prompt, what of that was said earlier, and what is sent.
    prompt_tokens: int
    history_tokens: int
    sent_tokens: int
    # What the message held before this turn, when it is a reply that is carried on.
    kept: str = ""
    kept_tokens: int = 0
    cut_by_balance: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The ending as the database has it, whoever wrote it."""

    state: str
    finish_reason: str | None
    usage: Data | None
    error: Data | None


@dataclass(slots=True)
class Reply:
    """What came of it."""

    # What was said, in pieces, and the characters of each event, as the turn's row has them. Both are put together when
    # somebody asks, and from then on stay so: every second a checkpoint asks.
    _texts: list[str] = field(default_factory=list)
    _lengths: list[str] = field(default_factory=list)
    model_id: str | None = None
    attempts: tuple[Attempt, ...] = ()
    reported: Reported | None = None
    reason: str | None = None
    # As it was said, which is not as it was written down when another model answered than the one asked for.
    meta: str | None = None

    def say(self, text: str) -> None:
        self._texts.append(text)
        self._lengths.append(str(len(text)))

    @property
    def text(self) -> str:
        self._texts[:] = ["".join(self._texts)]
        return self._texts[0]

    @property
    def lengths(self) -> str:
        so_far = ",".join(self._lengths)
        self._lengths[:] = [so_far] if so_far else []
        return so_far

    @classmethod
    def written(cls, text: str, lengths: str) -> Reply:
        """As it was found in the database."""
        return cls([text], [lengths] if lengths else [])


class Turn:
    def __init__(self, facts: Facts, meta: Data, max_tokens: int, now: float) -> None:
        self.facts, self.max_tokens = facts, max_tokens
        self.log, self.reply = Log(), Reply()
        # The same reply as bare text, once somebody reads it like that.
        self._plain: Log | None = None
        self._over = Flag()
        self.ending: Ended | None = None
        self.speaking: asyncio.Task[None] | None = None
        self.closing: asyncio.Task[None] | None = None
        # Why it was told to stop, when it was.
        self.stopping: str | None = None
        # Whether anybody was asked; from then on it may have cost the house something.
        self.asked = False
        self.readers, self.unread_since, self.may_be_unread = 0, now, False
        self.chars, self.saved_chars, self.saved_at = 0, 0, now
        # A token is a character or more, nearly always: before this many there is nothing to count.
        self._count_at = max_tokens
        self._meta: Data | None = meta

    def say_meta(self) -> None:
        """Once, and first: who answers, or else who was asked."""
        if self._meta is not None:
            meta, self._meta = self._meta, None
            self.reply.meta = events.as_text(meta)
            self.log.append(events.from_text(0, "meta", self.reply.meta))

    def take(self, part: Part) -> Pause | None:
        """Once a token, and then for words."""
        if type(part) is Words:
            self._say("".join(part.texts))
            return self._end_if_full if self.chars >= self._count_at else None
        match part:
            case Answering(model=model, attempts=attempts):
                self.reply.model_id, self.reply.attempts = model, attempts
                if self._meta is not None:
                    self._meta["model"] = model
                    self.say_meta()
            case Reported():
                self.reply.reported = part
            case Finished(reason=reason, attempts=attempts):
                self.reply.reason = reason
                self.reply.attempts = attempts or self.reply.attempts
        return None

    def _say(self, text: str) -> None:
        if self._meta is not None:
            self.say_meta()
        log = self.log
        # First of all, because it refuses what is no text, and then nothing may be left of it.
        frame = events.answer(len(log.frames), text)
        self.reply.say(text)
        self.chars += len(text)
        log.append(frame)
        if self._plain is not None:
            self._plain.append(text.encode())

    async def _end_if_full(self) -> None:
        """An upstream that ignores its limit is stopped at ours."""
        tokens = await self.facts.tokenizer.count_soon(self.reply.text)
        self._count_at = self.chars + max(1, self.max_tokens - tokens + 1)
        if tokens > self.max_tokens:
            self.reply.reason = "length"
            raise Enough

    @property
    def plain(self) -> Log:
        if self._plain is None:
            self._plain = Log()
            if self.chars:
                self._plain.append(self.reply.text.encode())
            self._close_plain()
        return self._plain

    async def over(self) -> None:
        """Waits for the end."""
        await self._over.wait()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def _close_plain(self) -> None:
        if self._plain is not None and self.is_over:
            self._plain.close(broken=self.ending is None or self.ending.error is not None)

    def finish(self, ending: Ended | None, frames: list[bytes]) -> None:
        self.ending = ending
        self.log.close(*frames)
        self._over.set()
        self._close_plain()

    async def first_words(self) -> None:
        """Returns when there is something to read, or nothing more to wait for."""
        while not self.chars and not self.is_over:
            await next_change(self.log)

    @property
    def was_cancelled(self) -> bool:
        return self.speaking is not None and self.speaking.done() and self.speaking.cancelled()

    @property
    def failure(self) -> BaseException | None:
        done = self.speaking is not None and self.speaking.done() and not self.speaking.cancelled()
        return self.speaking.exception() if done and self.speaking else None

    def enter(self) -> None:
        self.readers += 1

    def leave(self) -> None:
        self.readers -= 1
        self.unread_since = asyncio.get_running_loop().time()
