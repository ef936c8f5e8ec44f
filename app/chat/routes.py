"""Ask, and read the reply: as it comes, when it is done, or later."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.accounts.identity import identity
from app.chat import forms
from app.chat.asks import TIP, Ask, NotContinuable, TurnRunning
from app.chat.endings import Draining, Interrupted
from app.chat.opening import TooManyTurns
from app.chat.prompt import MessageTooLong
from app.chat.readings import NotStopped
from app.chat.turns import TooBusy
from app.edge import idempotency
from app.edge.accept import PREFER
from app.edge.endpoints import delete, get, post
from app.edge.idempotency import IdempotencyConflict
from app.edge.paging import Page, Place, cut
from app.edge.shapes import In, Out, Query, Text
from app.errors import Invalid, NotFound
from app.ledger.ledger import InsufficientTokens
from app.providers.models import NoModel, UnknownModel
from app.providers.provider import (
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    ProviderTimeout,
    UpstreamTruncated,
)
from app.services import services

Id = Annotated[Text, Field(min_length=1, max_length=64)]
FAILURES = [
    *(ProviderFailed, ProviderTimeout, ProviderBusy, ProviderRefused, UpstreamTruncated, Interrupted, Draining),
]
ASKING = [NotFound, UnknownModel, NoModel, MessageTooLong, NotContinuable]


class AskIn(In):
    message: Text | None = Field(None, description="What you say; up to `MESSAGE_CHARS_MAX` characters")
    conversation_id: Id | None = Field(None, description="Without it a new conversation begins")
    parent_id: Id | None = Field(
        None, description="The message this one follows; by default the last one, and `null` begins anew"
    )
    model: Id | None = Field(None, description="One of `GET /api/models`")
    max_tokens: int | None = Field(None, ge=1, le=1_000_000, description="The longest reply you want")
    regenerate: bool = Field(False, description="Another reply to the message `parentId`")
    carry_on: bool = Field(False, alias="continue", description="Carry on the reply `parentId` that ended early")


class ReplyUsage(Out):
    conversation_id: str
    message_id: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    history_tokens: int
    tokens_used: int
    balance_after: int
    held: int
    released: int
    counted_by: str
    encoding: str
    cached: bool = False
    provider_tokens: dict[str, int] | None = None
    attempts: list[dict[str, Any]] = Field(default_factory=list)


class ReplyOut(Out):
    conversation_id: str
    message_id: str
    content: str
    finish_reason: str
    usage: ReplyUsage | None


class PromisedOut(Out):
    stream_id: str
    conversation_id: str
    message_id: str


class QuoteOut(Out):
    model: str
    prompt_tokens: int
    history_tokens: int
    left_out: int = Field(description="Earlier messages that do not fit the model's window")
    max_tokens: int
    held: int
    balance_after_at_most: int
    affordable: bool


class StreamOut(Out):
    stream_id: str
    conversation_id: str
    message_id: str
    model: str
    started_at: datetime


class StreamsOut(Out):
    streams: list[StreamOut]
    next_cursor: str | None


class TicketOut(Out):
    ticket: str
    url: str
    expires_in_seconds: int


class Rejoin(Query):
    after: int | None = Field(None, ge=-1, description="The id of the last event you have seen")
    ticket: str | None = Field(None, max_length=2048, description="From `…/ticket`, for those who cannot send headers")


async def ask(request: Request, body: AskIn) -> Response:
    """One ask, one reply, in the form that `Accept` names. `Prefer: respond-async` answers 202 at once."""
    its, me = services(request), identity(request)
    asked = _ask(me.user_id, body, its.settings.message_chars_max)
    again = await idempotency.ask_of(request, me.user_id)
    reading = await its.readings.begin(asked, again, unread=forms.is_async(request))
    return await forms.answer(request, its.readers, its.readings, reading)


async def quote(request: Request, body: AskIn) -> QuoteOut:
    """What the same ask would cost at most. Nobody is asked, nothing is written."""
    its = services(request)
    plan, quote = await its.turns.planned(_ask(identity(request).user_id, body, its.settings.message_chars_max))
    return QuoteOut(
        model=plan.model.id,
        prompt_tokens=plan.prompt_tokens,
        history_tokens=plan.history_tokens,
        left_out=plan.prompt.left_out,
        max_tokens=quote.max_tokens,
        held=quote.held,
        balance_after_at_most=quote.balance_after_at_most,
        affordable=quote.affordable,
    )


async def running(request: Request, query: Page) -> StreamsOut:
    """My replies that are running now, the oldest first."""
    rows = await services(request).readings.running(identity(request).user_id)
    # As many as may run at once, so there is no need to ask the database for less.
    left = [row for row in rows if query.after is None or _place(row) > query.after]
    shown, next_cursor = cut(left, query, _place)
    streams = [StreamOut(**{"stream_id": row["id"], **_pick(row)}) for row in shown]
    return StreamsOut(streams=streams, next_cursor=next_cursor)


async def follow(request: Request, query: Rejoin) -> Response:
    """Every event after the last one you saw (`Last-Event-ID` or `?after=`). 204 when there is nothing left."""
    its, stream_id = services(request), request.path_params["stream_id"]
    after, said_in = forms.last_seen(request, query.after)
    reading = await its.readings.find(identity(request).user_id, stream_id, after, said_in=said_in)
    if reading.is_over:
        return Response(None, 204, {"Cache-Control": "no-store"})
    return forms.streamed(request, its.readers, reading)


async def stop(request: Request) -> ReplyUsage:
    """Stops a reply. What was written until now is charged; the answer is the final usage."""
    stream_id = request.path_params["stream_id"]
    return ReplyUsage.model_validate(await services(request).readings.stop(identity(request).user_id, stream_id))


async def ticket(request: Request) -> TicketOut:
    """A key to this one stream for a minute, for an EventSource that has no cookie."""
    its, me, stream_id = services(request), identity(request), request.path_params["stream_id"]
    await its.readings.find(me.user_id, stream_id)
    issued = its.tokens.issue_ticket(me.user_id, me.sign_in_id, stream_id)
    return TicketOut(ticket=issued, url=f"{forms.path_of(stream_id)}?ticket={issued}", expires_in_seconds=60)


def _ask(user_id: str, body: AskIn, chars_max: int) -> Ask:
    message = _said(body, chars_max)
    if body.conversation_id is None and body.parent_id is not None:
        raise Invalid.field("conversationId", "`parentId` names a message of a conversation; say which one.")
    return Ask(
        user_id=user_id,
        message=message,
        conversation_id=body.conversation_id,
        parent_id=body.parent_id if "parent_id" in body.model_fields_set else TIP,
        regenerate=body.regenerate,
        carry_on=body.carry_on,
        model_id=body.model,
        max_tokens=body.max_tokens,
    )


def _said(body: AskIn, chars_max: int) -> str | None:
    if body.regenerate or body.carry_on:
        if body.message is not None or (body.regenerate and body.carry_on):
            raise Invalid.field("message", "Send one of `message`, `regenerate` and `continue`.")
        if body.conversation_id is None or body.parent_id is None:
            raise Invalid.field("parentId", "Name the conversation and the message that this is about.")
        return None
    message = (body.message or "").strip()
    if not message:
        raise Invalid.field("message", "Please say something.")
    if len(message) > chars_max:
        raise Invalid.field("message", f"This is {len(message)} characters long; {chars_max} are the most.")
    return message


def _pick(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in ("conversation_id", "message_id", "model", "started_at")}


def _place(row: Any) -> Place:
    return row["started_at"], row["id"]


STREAM = "/api/chat/streams/{stream_id}"
routes = [
    post(
        "/api/chat",
        ask,
        body=AskIn,
        headers=[idempotency.HEADER, PREFER],
        returns=ReplyOut,
        also={202: PromisedOut},
        raises=[*ASKING, InsufficientTokens, TurnRunning, TooManyTurns, TooBusy, IdempotencyConflict, *FAILURES],
        media_types=["text/event-stream", "application/json", "text/plain"],
    ),
    post("/api/chat/quote", quote, body=AskIn, returns=QuoteOut, raises=ASKING),
    get("/api/chat/streams", running, query=Page, returns=StreamsOut),
    get(
        STREAM,
        follow,
        query=Rejoin,
        headers=[forms.LAST_EVENT_ID],
        also={204: None},
        raises=[NotFound],
        media_types=["text/event-stream"],
        ticket="stream_id",
    ),
    delete(STREAM, stop, returns=ReplyUsage, raises=[NotFound, NotStopped]),
    post(f"{STREAM}/ticket", ticket, returns=TicketOut, raises=[NotFound]),
]
