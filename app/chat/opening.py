"""How a turn begins: conversation, messages, turn and hold in one transaction, or nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.accounts import accounts
from app.chat import asks, events
from app.chat.asks import Plan
from app.chat.events import Data
from app.chat.turn import Facts
from app.conversations import conversations, messages
from app.conversations.messages import NewMessage
from app.db import Session
from app.edge import idempotency
from app.edge.idempotency import Ask as Repeatable
from app.errors import AppError
from app.ids import new_id
from app.ledger import ledger
from app.ledger.ledger import Terms
from app.metering.meter import Quote

# How long to wait before one of those that run may have ended.
TURN_ENDS_SECONDS = 2
OPEN = """
INSERT INTO turns (id, user_id, conversation_id, message_id, hold_id, worker, model, state, meta, content_from, lengths,
                   started_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, $9, '', $10)
"""


class TooManyTurns(AppError):
    status, code = 429, "too_many_turns"
    message = "{running} of your replies are still running; please wait for one of them, or stop it."


class AlreadyAsked(Exception):
    """The same request came before and has its stream."""


@dataclass(frozen=True, slots=True)
class Limits:
    turns_per_user: int
    turns_per_subscriber: int
    hold_lifetime: timedelta


async def open_turn(
    session: Session,
    stream_id: str,
    plan: Plan,
    quote: Quote,
    limits: Limits,
    worker: str,
    again: Repeatable | None,
    now: datetime,
) -> tuple[Facts, Data]:
    """Raises `InsufficientTokens` when the balance has shrunk since the quote."""
    ask = plan.ask
    await _claim(session, again, now)
    facts = _facts(stream_id, plan, quote)
    terms = Terms(
        *(plan.prompt_tokens, quote.max_tokens, plan.rates, plan.model.id),
        *(facts.conversation_id, facts.message_id),
    )
    balance = await ledger.hold(session, ask.user_id, terms, hold_id=facts.hold_id, lifetime=limits.hold_lifetime)
    await _require_room(session, plan, limits)
    await _write_messages(session, plan, facts, now)
    meta = _meta(plan, facts, quote, terms.tokens, balance)
    await session.run(
        OPEN,
        *(facts.stream_id, ask.user_id, facts.conversation_id, facts.message_id, facts.hold_id, worker),
        *(plan.model.id, events.as_text(meta), len(facts.kept), now),
    )
    if again is not None:
        await idempotency.finish_as_stream(session, again, facts.stream_id)
    return facts, meta


async def _claim(session: Session, again: Repeatable | None, now: datetime) -> None:
    first = await idempotency.claim(session, again, now) if again else None
    if first is not None and first.stream_id is not None:
        raise AlreadyAsked


def _facts(stream_id: str, plan: Plan, quote: Quote) -> Facts:
    carried = plan.carried
    return Facts(
        stream_id=stream_id,
        user_id=plan.ask.user_id,
        conversation_id=plan.conversation_id,
        message_id=carried.id if carried else new_id("msg"),
        hold_id=new_id("hld"),
        model=plan.model,
        tokenizer=plan.tokenizer,
        prompt_tokens=plan.prompt_tokens,
        history_tokens=plan.history_tokens,
        sent_tokens=plan.prompt.tokens,
        kept=carried.content if carried else "",
        kept_tokens=carried.tokens if carried else 0,
        cut_by_balance=quote.max_tokens < plan.reply_tokens,
    )


async def _require_room(session: Session, plan: Plan, limits: Limits) -> None:
    """The hold has locked the account, so no other ask of this user is between here and its own look."""
    running = await asks.running(session, plan.ask.user_id)
    asks.refuse_if_running(running, plan.conversation_id)
    if len(running) < limits.turns_per_user:
        return
    if len(running) >= (allowed := await _turns_allowed(session, plan, limits)):
        policy = {"RateLimit-Policy": f'"replies";q={allowed}', "RateLimit": f'"replies";r=0;t={TURN_ENDS_SECONDS}'}
        raise TooManyTurns(running=len(running), headers={"Retry-After": str(TURN_ENDS_SECONDS), **policy})


async def _turns_allowed(session: Session, plan: Plan, limits: Limits) -> int:
    user = await accounts.by_id(session, plan.ask.user_id)
    return limits.turns_per_subscriber if user.role == "subscriber" else limits.turns_per_user


async def _write_messages(session: Session, plan: Plan, facts: Facts, now: datetime) -> None:
    if plan.created:
        title = conversations.first_words(plan.ask.message or "")
        await conversations.create(session, plan.conversation_id, plan.ask.user_id, title, now, facts.message_id)
    else:
        await conversations.move_tip(session, plan.conversation_id, facts.message_id, now)
    if plan.asked is not None:
        await messages.write(session, plan.asked)
    if plan.carried is not None:
        await messages.reopen(session, facts.message_id)
    else:
        await messages.write(session, _empty_reply(plan, facts, now))


def _empty_reply(plan: Plan, facts: Facts, now: datetime) -> NewMessage:
    return NewMessage(
        id=facts.message_id,
        conversation_id=facts.conversation_id,
        parent_id=plan.user_message_id,
        number=plan.reply_number,
        role="assistant",
        status="streaming",
        tokens=0,
        model=plan.model.id,
        created_at=now,
        content="",
    )


def _meta(plan: Plan, facts: Facts, quote: Quote, held: int, balance: int) -> Data:
    return {
        "conversationId": facts.conversation_id,
        "conversation_id": facts.conversation_id,
        "streamId": facts.stream_id,
        "messageId": facts.message_id,
        "userMessageId": plan.user_message_id,
        "model": plan.model.id,
        "created": plan.created,
        "promptTokens": plan.prompt_tokens,
        "historyTokens": plan.history_tokens,
        "leftOut": plan.prompt.left_out,
        "maxTokens": quote.max_tokens,
        "held": held,
        "balance": balance,
    }
