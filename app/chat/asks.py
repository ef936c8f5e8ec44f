"""What somebody asks for, in its four forms, and the plan that is made of it before anything is written.

A new message at the tip; a message after an earlier one, which opens a branch; another reply to a message; and a reply
that ended early and is carried on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.chat import prompt
from app.chat.prompt import MessageTooLong, Prompt, Said
from app.conversations import conversations, messages
from app.conversations.messages import NewMessage
from app.conversations.tables import Conversation, Message
from app.db import Row, Session
from app.errors import AppError, Invalid
from app.ids import new_id
from app.ledger import ledger
from app.ledger.ledger import Balance
from app.ledger.rates import Rates
from app.metering import meter
from app.metering.meter import Quote
from app.providers.catalogue import Model
from app.providers.tokens import Tokenizer

TIP: Final = "the tip of the branch"
ENDED_EARLY = ("stopped", "failed", "interrupted")
CUT_SHORT = ("length", "balance")


class NotContinuable(AppError):
    status, code, message = 409, "not_continuable", "This reply is complete; there is nothing to continue."


class TurnRunning(AppError):
    status, code = 409, "turn_running"
    message = "A reply is still running in this conversation."


@dataclass(frozen=True, slots=True)
class Ask:
    user_id: str
    message: str | None = None
    conversation_id: str | None = None
    # `TIP`, the id of a message, or None for a new beginning.
    parent_id: str | None = TIP
    regenerate: bool = False
    carry_on: bool = False
    model_id: str | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where on which branch the reply goes, as it was found."""

    conversation: Conversation | None
    # Whom the ask answers: the message above the new one, the one asked again, or the reply that is carried on.
    above: Message | None
    earlier: Sequence[Row]
    has: Balance


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about a turn but whether it can be paid and has its place free."""

    ask: Ask
    model: Model
    tokenizer: Tokenizer
    prompt: Prompt
    # What is charged of the prompt: a reply that is carried on has paid for it with its first part.
    prompt_tokens: int
    reply_tokens: int
    conversation_id: str
    created: bool
    # The message to be written, if there is a new one, and the one that the reply answers.
    asked: NewMessage | None
    user_message_id: str
    # The reply that is carried on, or else where the new one goes.
    carried: Message | None
    reply_number: int

    @property
    def rates(self) -> Rates:
        return Rates(self.model.input_rate, self.model.output_rate)

    @property
    def history_tokens(self) -> int:
        return min(self.prompt_tokens, self.prompt.history_tokens)

    def quote(self, has: Balance) -> Quote:
        return meter.quote(has, self.prompt_tokens, self.reply_tokens, self.rates)


async def find_place(session: Session, ask: Ask, model: Model) -> Place:
    has = await ledger.balance(session, ask.user_id)
    if ask.conversation_id is None:
        return Place(None, None, [], has)
    conversation = await conversations.find(session, ask.user_id, ask.conversation_id)
    parent_id = conversation.current_message_id if ask.parent_id == TIP else ask.parent_id
    above = await messages.find(session, conversation.id, parent_id) if parent_id else None
    _require_sense(ask, above)
    start = above.parent_id if ask.regenerate and above else parent_id
    return Place(conversation, above, await prompt.history(session, start, model.window_tokens), has)


async def require_quiet(session: Session, user_id: str, conversation_id: str) -> None:
    refuse_if_running(await running(session, user_id), conversation_id)


def refuse_if_running(found: list[Row], conversation_id: str) -> None:
    for row in found:
        if row["conversation_id"] == conversation_id:
            raise TurnRunning(streamId=row["id"])


async def running(session: Session, user_id: str) -> list[Row]:
    return await session.rows(
        "SELECT * FROM turns WHERE user_id = $1 AND state = 'running' ORDER BY started_at, id", user_id
    )


def _require_sense(ask: Ask, above: Message | None) -> None:
    role = above.role if above else None
    if ask.regenerate and role != "user":
        raise Invalid.field("parentId", "To ask again, name the message that should be answered.")
    if ask.carry_on and role != "assistant":
        raise Invalid.field("parentId", "To continue, name the reply that ended early.")
    if not ask.regenerate and not ask.carry_on and role == "user":
        raise Invalid.field("parentId", "A message follows a reply. To ask again, use `regenerate`.")
    if ask.carry_on and above and above.status not in ENDED_EARLY and above.finish_reason not in CUT_SHORT:
        raise NotContinuable


async def plan(ask: Ask, place: Place, model: Model, tokenizer: Tokenizer, now: datetime) -> Plan:
    reply_tokens = min(ask.max_tokens or model.reply_tokens_max, model.reply_tokens_max)
    room = prompt.room_for_prompt(model, reply_tokens)
    asked, earlier = await _what_is_said(ask, place, room, tokenizer)
    fitted = await prompt.fitted(asked, earlier, room, tokenizer)
    above, carried = place.above, place.above if ask.carry_on else None
    conversation_id = place.conversation.id if place.conversation else new_id("cnv")
    written = _new_message(ask, conversation_id, above, asked[-1].tokens, tokenizer, now)
    return Plan(
        ask=ask,
        model=model,
        tokenizer=tokenizer,
        prompt=fitted,
        prompt_tokens=0 if carried and carried.usage else fitted.tokens,
        reply_tokens=min(reply_tokens, model.window_tokens - fitted.tokens),
        conversation_id=conversation_id,
        created=place.conversation is None,
        asked=written,
        user_message_id=written.id if written else _answered(ask, above),
        carried=carried,
        reply_number=written.number + 1 if written else (above.number + 1 if above else 1),
    )


async def _what_is_said(ask: Ask, place: Place, room: int, tokenizer: Tokenizer) -> tuple[list[Said], Sequence[Row]]:
    """What must be in the prompt, and what may be."""
    if ask.message is not None:
        return [await prompt.counted(tokenizer, "user", ask.message)], place.earlier
    assert place.above is not None
    above = await prompt.counted(tokenizer, "user" if ask.regenerate else "assistant", place.above.content)
    if ask.regenerate:
        return [above], place.earlier
    if len(place.earlier) < 2:
        raise MessageTooLong(promptTokens=above.tokens, windowTokens=room)
    question, *earlier = place.earlier[1:]
    asked = await prompt.counted(tokenizer, "user", question["content"])
    if not above.content:
        return [asked], earlier
    return [asked, above, await prompt.counted(tokenizer, "user", prompt.CARRY_ON)], earlier


def _new_message(
    ask: Ask, conversation_id: str, above: Message | None, tokens: int, tokenizer: Tokenizer, now: datetime
) -> NewMessage | None:
    if ask.message is None:
        return None
    return NewMessage(
        id=new_id("msg"),
        conversation_id=conversation_id,
        parent_id=above.id if above else None,
        number=above.number + 1 if above else 1,
        role="user",
        status="complete",
        tokens=tokens,
        encoding=tokenizer.encoding,
        created_at=now,
        content=ask.message,
    )


def _answered(ask: Ask, above: Message | None) -> str:
    assert above is not None
    return above.id if ask.regenerate else str(above.parent_id)
