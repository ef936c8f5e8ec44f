"""How a turn ends: once, in one transaction, with its charge, its message and its state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.chat import events
from app.chat.events import Data
from app.chat.turn import Ended, Facts, Reply
from app.conversations import messages
from app.db import Row, Session
from app.errors import AppError
from app.ledger import ledger
from app.ledger.ledger import Resolution, Used
from app.ledger.rates import Rates
from app.providers.catalogue import Model
from app.providers.tokens import Tokenizer

State = Literal["done", "stopped", "failed", "interrupted"]
STATUS_OF = {"done": "complete", "stopped": "stopped", "failed": "failed", "interrupted": "interrupted"}
CLOSE = """
UPDATE turns
SET state = $2, lengths = $3, finish_reason = $4, usage = $5, error = $6, cost_micro_usd = $7, ended_at = $8,
    meta = COALESCE($9, meta)
WHERE id = $1 AND state = 'running'
"""


@dataclass(frozen=True, slots=True)
class Ending:
    state: State
    completion_tokens: int = 0
    # Nothing is charged for what failed before its first words.
    charged: bool = True
    finish_reason: str | None = None
    error: AppError | None = None


async def close(
    session: Session, facts: Facts, reply: Reply, ending: Ending, answered_by: Model, now: datetime
) -> tuple[Ended, Resolution | None]:
    """The resolution is given to the one who ended the turn, so that it is counted once.

    The account's row comes first here and in the opening, so that the two never wait for each other.
    """
    resolution = await _resolve(session, facts, ending, answered_by)
    usage = _usage(facts, reply, ending, answered_by, resolution)
    error = _error(facts, ending, resolution)
    told = usage if resolution.charged or ending.error is None else None
    won = await session.run(
        CLOSE,
        *(facts.stream_id, ending.state, reply.lengths, ending.finish_reason),
        *(events.as_text(told) if told else None, events.as_text(error) if error else None),
        *(answered_by.cost_micro_usd(*_upstream_tokens(facts, reply, ending)), now, reply.meta),
    )
    if not won:
        return await read(session, facts.stream_id), None
    await messages.finish(
        session,
        facts.message_id,
        content=facts.kept + reply.text,
        tokens=facts.kept_tokens + ending.completion_tokens,
        encoding=facts.tokenizer.encoding,
        status=STATUS_OF[ending.state],
        model=answered_by.id if ending.charged else None,
        finish_reason=ending.finish_reason,
        usage=events.as_text(told) if told and ending.charged else None,
    )
    return Ended(ending.state, ending.finish_reason, told, error), resolution


async def read(session: Session, stream_id: str) -> Ended:
    row = await session.row("SELECT state, finish_reason, usage, error FROM turns WHERE id = $1", stream_id)
    assert row is not None
    return as_ended(row)


def as_ended(row: Row) -> Ended:
    usage, error = (events.as_data(row[name]) if row[name] else None for name in ("usage", "error"))
    return Ended(row["state"], row["finish_reason"], usage, error)


async def _resolve(session: Session, facts: Facts, ending: Ending, answered_by: Model) -> Resolution:
    if not ending.charged:
        return await ledger.release(session, facts.hold_id)
    other = answered_by.id != facts.model.id
    used = Used(
        facts.prompt_tokens,
        ending.completion_tokens,
        facts.tokenizer.counted_by,
        answered_by=answered_by.id if other else None,
        rates=Rates(answered_by.input_rate, answered_by.output_rate) if other else None,
    )
    return await ledger.settle(session, facts.hold_id, used)


def _upstream_tokens(facts: Facts, reply: Reply, ending: Ending) -> tuple[int, int]:
    """What the house pays for: the upstream's own count where there is one."""
    if reply.reported is not None:
        return reply.reported.prompt_tokens, reply.reported.completion_tokens
    return (facts.sent_tokens if ending.charged else 0), ending.completion_tokens


def _usage(facts: Facts, reply: Reply, ending: Ending, answered_by: Model, resolution: Resolution) -> Data:
    reported = reply.reported
    return {
        "conversationId": facts.conversation_id,
        "messageId": facts.message_id,
        "model": answered_by.id,
        "promptTokens": resolution.prompt_tokens,
        "completionTokens": resolution.completion_tokens,
        "historyTokens": facts.history_tokens if resolution.prompt_tokens else 0,
        "tokensUsed": resolution.charged,
        "balanceAfter": resolution.balance_after,
        "held": resolution.charged + resolution.released,
        "released": resolution.released,
        "countedBy": facts.tokenizer.counted_by,
        "encoding": facts.tokenizer.encoding,
        "cached": False,
        "providerTokens": reported and {"prompt": reported.prompt_tokens, "completion": reported.completion_tokens},
        "attempts": [
            {"provider": each.provider, "model": each.model, "outcome": each.outcome, "ms": each.milliseconds}
            for each in reply.attempts
        ],
    }


def _error(facts: Facts, ending: Ending, resolution: Resolution) -> Data | None:
    if ending.error is None:
        return None
    return events.failure(
        ending.error,
        balance=resolution.balance_after,
        conversation_id=facts.conversation_id,
        message_id=facts.message_id,
    )


def nothing_used(row: Row, tokenizer: Tokenizer) -> Data:
    """The usage of a turn that failed and was not charged."""
    meta, error = events.as_data(row["meta"]), events.as_data(row["error"])
    names = ("conversationId", "messageId", "model", "held")
    zeros = ("promptTokens", "completionTokens", "historyTokens", "tokensUsed")
    return {
        **{name: meta[name] for name in names},
        **dict.fromkeys(zeros, 0),
        "released": meta["held"],
        "balanceAfter": error["balance"],
        "countedBy": tokenizer.counted_by,
        "encoding": tokenizer.encoding,
    }
