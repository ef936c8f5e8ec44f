"""From a branch to what the model reads: the newest messages that fit its window, cut at the border of a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.conversations import messages
from app.db import Row, Session
from app.errors import AppError
from app.providers.catalogue import Model
from app.providers.provider import PromptMessage, Role
from app.providers.tokens import MESSAGE_OVERHEAD, REPLY_OVERHEAD, Tokenizer

CARRY_ON = "Continue your last answer exactly where it broke off. Do not repeat any of it and do not comment on this."


class MessageTooLong(AppError):
    status, code = 422, "message_too_long_for_model"
    message = "This is {promptTokens} tokens long, and the model can read {windowTokens} with room for its reply."


@dataclass(frozen=True, slots=True)
class Said:
    role: Role
    content: str
    tokens: int

    @property
    def cost(self) -> int:
        return self.tokens + MESSAGE_OVERHEAD


@dataclass(frozen=True, slots=True)
class Prompt:
    messages: tuple[PromptMessage, ...]
    tokens: int
    # The share of the earlier messages in it, and how many more there were that did not fit.
    history_tokens: int
    left_out: int


def room_for_prompt(model: Model, reply_tokens: int) -> int:
    """A reply may claim half the window at most, or no question would fit beside it."""
    return model.window_tokens - min(reply_tokens, model.window_tokens // 2)


async def counted(tokenizer: Tokenizer, role: Role, content: str) -> Said:
    return Said(role, content, await tokenizer.count_soon(content))


async def history(session: Session, tip_id: str | None, room: int) -> list[Row]:
    """The branch above a new message, newest first, and not much more of it than fits."""
    return await messages.branch_up(session, tip_id, room, MESSAGE_OVERHEAD) if tip_id else []


async def fitted(asked: Sequence[Said], earlier: Sequence[Row], room: int, tokenizer: Tokenizer) -> Prompt:
    """What was asked has to fit; of what was said earlier, as much as there is room for."""
    tokens = REPLY_OVERHEAD + sum(said.cost for said in asked)
    if tokens > room:
        raise MessageTooLong(promptTokens=tokens, windowTokens=room)
    kept = await _that_fit(earlier, room - tokens, tokenizer)
    spent = sum(said.cost for said in kept.values())
    left_out = min(kept) - 1 if kept else max((row["number"] for row in earlier), default=0)
    spoken = (PromptMessage(said.role, said.content) for said in [*reversed(kept.values()), *asked])
    return Prompt(tuple(spoken), tokens + spent, spent, left_out)


async def _that_fit(earlier: Sequence[Row], room: int, tokenizer: Tokenizer) -> dict[int, Said]:
    """By their numbers, newest first. A reply without its question would only confuse, so it stays out as well."""
    kept: dict[int, Said] = {}
    for row in earlier:
        said = await _as_said(row, tokenizer)
        if said.content:
            room -= said.cost
            if room < 0:
                break
            kept[row["number"]] = said
    while kept and kept[min(kept)].role == "assistant":
        del kept[min(kept)]
    return kept


async def _as_said(row: Row, tokenizer: Tokenizer) -> Said:
    """Counted when it was written; counted anew only for a model that counts otherwise."""
    if row["encoding"] == tokenizer.encoding:
        return Said(row["role"], row["content"], row["tokens"])
    return await counted(tokenizer, row["role"], row["content"])
