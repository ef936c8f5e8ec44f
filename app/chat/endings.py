"""What came of a turn, told from how its reply ended."""

from __future__ import annotations

from app.chat import events
from app.chat.closing import Ending
from app.chat.events import Data
from app.chat.turn import Ended, Turn
from app.edge.sse import frame
from app.errors import AppError, Unavailable
from app.observability import logs
from app.providers.provider import ProviderFailed, UpstreamTruncated

log = logs.get("prome.chat")


class Draining(Unavailable):
    code = "draining"
    message = "The server is being restarted. What had arrived is kept; please try again in a moment."
    retryable = True


class Interrupted(AppError):
    status, code = 503, "interrupted"
    message = "The server stopped in the middle of this reply. What was written down of it is kept."
    retryable = True


class Unexpected(AppError):
    """Its words never reach the reader."""

    message = "Something went wrong on our side. What had arrived is kept."
    retryable = True


async def ending_of(turn: Turn) -> Ending:
    facts, reply = turn.facts, turn.reply
    tokens = await facts.tokenizer.count_soon(reply.text)
    if reply.reason is not None:
        reason = "balance" if reply.reason == "length" and facts.cut_by_balance else reply.reason
        return Ending("done", tokens, finish_reason=reason)
    if turn.stopping == "stopped":
        return Ending("stopped", tokens, charged=turn.asked, finish_reason="stopped")
    if turn.stopping is not None or turn.was_cancelled:
        return Ending("interrupted", tokens, charged=tokens > 0, error=Draining())
    return Ending("failed", tokens, charged=tokens > 0, error=_failure(turn))


def _failure(turn: Turn) -> AppError:
    error = turn.failure
    if error is None:
        error = UpstreamTruncated("the reply ended without a finish reason")
    if isinstance(error, ProviderFailed):
        turn.reply.attempts = error.attempts or turn.reply.attempts
        log.warning("reply_failed", stream=turn.facts.stream_id, code=error.code, cause=error.cause)
        return error
    log.error("reply_failed_unexpectedly", stream=turn.facts.stream_id, exc_info=error)
    return error if isinstance(error, AppError) else Unexpected()


def was_left_behind(ended: Ended) -> bool:
    """It was not ended by the worker that ran it, which may have said more than was written down."""
    return ended.error is not None and ended.error["code"] == Interrupted.code


def ending_frames(number: int, ended: Ended, conversation_id: str, message_id: str) -> list[bytes]:
    """How every stream ends, live or made again: the last answer, where it was no failure, and the rest."""
    if ended.error is not None:
        return closing_frames(number, ended, conversation_id, message_id)
    return [events.last_answer(number), *closing_frames(number + 1, ended, conversation_id, message_id)]


def closing_frames(number: int, ended: Ended, conversation_id: str, message_id: str) -> list[bytes]:
    usage = [frame(number, "usage", ended.usage)] if ended.usage is not None else []
    number += len(usage)
    if ended.error is not None:
        return [*usage, frame(number, "error", ended.error)]
    return [*usage, events.done(number, conversation_id, message_id, ended.finish_reason or "stop")]


class ReplyFailed(AppError):
    """The `error` event of a stream, for somebody who does not read events."""

    def __init__(self, data: Data) -> None:
        told = {name: value for name, value in data.items() if name not in ("error", "code", "status")}
        wait = data.get("retryAfterSeconds")
        super().__init__(data["error"], headers={"Retry-After": str(wait)} if wait else {}, **told)
        self.status, self.code = data["status"], data["code"]
