"""What a conversation is called: asked of the model after the first reply, behind everybody's back and at our cost.

Until then, and whenever nothing good comes of it, the first words stand in. Nobody ever waits for a title.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass

from app.chat.turn import Turn
from app.clock import Clock
from app.conversations import conversations, messages
from app.conversations.conversations import TITLE_CHARS_MAX
from app.conversations.tables import Message
from app.db import Database
from app.errors import NotFound
from app.observability import logs
from app.observability.metrics import Metrics
from app.providers.catalogue import Model
from app.providers.failover import Replies
from app.providers.models import Models
from app.providers.provider import Answering, Enough, Part, PromptMessage, Reported, Words
from app.settings import Settings

AT_ONCE_MAX, WAITING_MAX = 2, 50
DEADLINE_SECONDS = 20.0
# A title takes a dozen; a model that thinks before it speaks needs room for that. Who says more is hung up on.
TOKENS_MAX, SAID_CHARS_MAX = 1000, 4 * TITLE_CHARS_MAX
# The beginning is enough to know what it is about, and keeps it cheap.
ASKED_CHARS_MAX = 600
# Six are wished for; many more are a sentence about something else.
WORDS_MAX = 10
FIRST_REPLY = 2
INSTRUCTION = (
    "Write a title of at most six words for this conversation, in its own language. "
    "Answer with the title alone: no quotation marks, no formatting, no full stop."
)
WANTED = "Title for: "
# A small model follows examples far better than it follows orders.
EXAMPLES = (
    ("How long do I have to boil an egg?", "Boiling an egg"),
    ("Please write a letter to my landlord about the broken heating.", "Letter about broken heating"),
    ("Was ist der Unterschied zwischen TCP und UDP?", "TCP und UDP im Vergleich"),
    ("hi", "Greeting"),
)
LABEL = re.compile(r"^(title|titel|titre|título|titolo)\s*:\s*", re.IGNORECASE)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
MARKS = re.compile(r"^(#+|[-+>]|\d+\.)\s+|\*+|`+|__+|~~")
QUOTES = "\"'“”„‟‘’‚«»‹›「」『』_"  # noqa: RUF001 - these are the ones people write
# They join letters in some scripts, and the parts of some emoji, without being seen themselves.
JOINERS = "\u200c\u200d"

log = logs.get("prome.titles")


class Titles:
    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        db: Database,
        models: Models,
        replies: Replies,
        metrics: Metrics,
        seconds_max: float = DEADLINE_SECONDS,
    ) -> None:
        self._clock, self._db, self._models, self._replies = clock, db, models, replies
        self._metrics, self._off = metrics, settings.titles == "off"
        self._seconds_max, self._at_once = seconds_max, asyncio.Semaphore(AT_ONCE_MAX)
        self.running: set[asyncio.Task[None]] = set()

    def after(self, turn: Turn) -> None:
        """Returns at once. A title is worth little, so that when there are too many to make some are left out."""
        if self._off or turn.facts.history_tokens or not turn.reply.text.strip():
            return
        if len(self.running) >= WAITING_MAX:
            self._metrics.titles.labels("left_out").inc()
            return
        task = asyncio.create_task(self._name(turn))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def close(self) -> None:
        """Those that are not there by now are not waited for."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)

    async def _name(self, turn: Turn) -> None:
        outcome = "failed"
        try:
            async with self._at_once, asyncio.timeout(self._seconds_max):
                outcome = await self._suggest(turn)
        except Exception as error:
            log.info("title_failed", conversation=turn.facts.conversation_id, error=type(error).__name__)
        if outcome:
            self._metrics.titles.labels(outcome).inc()

    async def _suggest(self, turn: Turn) -> str:
        """The outcome; none when there was nothing to do."""
        facts = turn.facts
        asked = await self._asked(facts.user_id, facts.conversation_id, facts.message_id)
        if asked is None:
            return ""
        title = cleaned(await self._said(facts.model, question(asked.content)))
        if title is None:
            return "no_good"
        async with self._db.begin() as session:
            named = await conversations.suggest_title(session, facts.conversation_id, title, self._clock.now())
        return "named" if named else "too_late"

    async def _asked(self, user_id: str, conversation_id: str, reply_id: str) -> Message | None:
        """What was asked first, if that is what was answered and nobody has named the conversation yet."""
        async with self._db.read() as session:
            try:
                conversation = await conversations.find(session, user_id, conversation_id)
                reply = await messages.find(session, conversation_id, reply_id)
            except NotFound:
                return None
            if conversation.titled_by != "words" or reply.number != FIRST_REPLY or reply.parent_id is None:
                return None
            return await messages.find(session, conversation_id, reply.parent_id)

    async def _said(self, model: Model, prompt: tuple[PromptMessage, ...]) -> str:
        """Its first line, for whoever says more is hung up on."""
        said = Said()
        try:
            with suppress(Enough):
                await self._replies.reply(model, prompt, TOKENS_MAX, said.take)
        finally:
            self._count(prompt, said)
        return said.text

    def _count(self, prompt: tuple[PromptMessage, ...], said: Said) -> None:
        """Nobody is charged, and the house wants to know what it gives away. Who did not answer took nothing."""
        if said.by is None:
            return
        model = self._models.known(said.by)
        count = self._models.tokenizer(model).count
        tokens = (sum(count(message.content) for message in prompt), count(said.text))
        if said.reported is not None:
            tokens = said.reported.prompt_tokens, said.reported.completion_tokens
        self._metrics.house_cost_micro_usd.labels("title").inc(model.cost_micro_usd(*tokens))


@dataclass(slots=True)
class Said:
    text: str = ""
    by: str | None = None
    reported: Reported | None = None

    def take(self, part: Part) -> None:
        match part:
            case Answering(model=model):
                self.by = model
            case Words(texts=texts):
                self.text += "".join(texts)
            case Reported():
                self.reported = part
        if len(self.text) > SAID_CHARS_MAX or "\n" in self.text.lstrip():
            raise Enough


def question(asked: str) -> tuple[PromptMessage, ...]:
    shown = [
        message
        for said, title in EXAMPLES
        for message in (PromptMessage("user", WANTED + said), PromptMessage("assistant", title))
    ]
    return PromptMessage("system", INSTRUCTION), *shown, PromptMessage("user", WANTED + asked[:ASKED_CHARS_MAX])


def cleaned(said: str) -> str | None:
    """One line of plain words, or nothing."""
    line = next((line for line in said.splitlines() if line.strip(f"{QUOTES}*#`-> \t")), "").strip()
    if line.startswith("<"):
        # It thinks aloud, or writes a page.
        return None
    line = LABEL.sub("", MARKS.sub("", LINK.sub(r"\1", line)).strip().strip(QUOTES))
    line = "".join(char if char.isprintable() or char in JOINERS else " " for char in line)
    title = " ".join(line.strip(f"{QUOTES} ").removesuffix(".").split()).strip(f"{QUOTES} ")
    return title if 0 < len(title) <= TITLE_CHARS_MAX and len(title.split()) <= WORDS_MAX else None
