"""The forms in which a reply is given: events, one JSON object, bare text, or the promise of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.accounts.identity import identity
from app.chat.endings import ReplyFailed
from app.chat.readings import Reading, Readings
from app.edge import accept
from app.edge.endpoints import Header
from app.edge.pulse import Readers
from app.edge.reader import StreamResponse
from app.edge.sse import CONTENT_TYPE
from app.errors import Invalid

EVENTS, JSON, TEXT = "text/event-stream", "application/json", "text/plain"
ID_DIGITS_MAX = 18
LAST_EVENT_ID = Header(
    "Last-Event-ID", "The last event you have seen; it outranks `after`", pattern=f"^[0-9]{{1,{ID_DIGITS_MAX}}}$"
)
Result = TypeVar("Result")


def is_async(request: Request) -> bool:
    return accept.prefers(request, "respond-async")


def path_of(stream_id: str) -> str:
    return f"/api/chat/streams/{stream_id}"


def last_seen(request: Request, after: int | None) -> tuple[int | None, str]:
    """And what says so. EventSource comes back with the header by itself; its address says where it once began."""
    header = request.headers.get(LAST_EVENT_ID.name, "")
    if not header:
        return None if after == -1 else after, "after"
    if not (header.isascii() and header.isdigit() and len(header) <= ID_DIGITS_MAX):
        raise Invalid.field(LAST_EVENT_ID.name, "This is not the id of an event of ours.")
    return int(header), LAST_EVENT_ID.name


async def answer(request: Request, readers: Readers, readings: Readings, reading: Reading) -> Response:
    if is_async(request):
        return promised(reading)
    form = accept.preferred(request, [EVENTS, JSON, TEXT])
    if form == EVENTS:
        return streamed(request, readers, reading)
    if form == TEXT and reading.turn is not None:
        await _while_there(request, reading, reading.turn.first_words())
        if reading.turn.chars:
            return streamed(request, readers, reading, as_text=True)
    return await _whole(request, readings, reading, form)


def promised(reading: Reading) -> Response:
    told = {
        "streamId": reading.stream_id,
        "conversationId": reading.conversation_id,
        "messageId": reading.message_id,
    }
    headers = {**_headers(reading), "Cache-Control": "no-store", "Preference-Applied": "respond-async"}
    return Response(orjson.dumps(told), 202, headers, media_type=JSON)


def streamed(request: Request, readers: Readers, reading: Reading, *, as_text: bool = False) -> Response:
    log = reading.turn.plain if as_text and reading.turn else reading.log
    return StreamResponse(
        readers,
        log,
        reading.seen,
        owner=identity(request).sign_in_id,
        headers=_headers(reading),
        on_enter=reading.enter,
        on_leave=reading.leave,
        media_type="text/plain; charset=utf-8" if as_text else CONTENT_TYPE,
    )


async def _whole(request: Request, readings: Readings, reading: Reading, form: str) -> Response:
    told = await _while_there(request, reading, readings.told(identity(request).user_id, reading))
    headers = {**_headers(reading), "Cache-Control": "no-store"}
    if told.ended.error is not None:
        failed = ReplyFailed({**told.ended.error, "streamId": reading.stream_id})
        failed.headers.update(_headers(reading))
        raise failed
    if form == TEXT:
        return Response(told.content, 200, headers, media_type=TEXT)
    body = {
        "conversationId": reading.conversation_id,
        "messageId": reading.message_id,
        "content": told.content,
        "finishReason": told.ended.finish_reason,
        "usage": told.ended.usage,
    }
    return Response(orjson.dumps(body), 200, headers, media_type=JSON)


async def _while_there(request: Request, reading: Reading, waiting: Awaitable[Result]) -> Result:
    """Whoever waits for a reply is a reader of it, until it hangs up."""
    work = asyncio.ensure_future(waiting)
    leaving = asyncio.ensure_future(_leaves(request))
    reading.enter()
    try:
        await asyncio.wait([work, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return work.result()
    finally:
        reading.leave()
        work.cancel()
        leaving.cancel()


async def _leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _headers(reading: Reading) -> Mapping[str, str]:
    again = {"Idempotency-Replayed": "true"} if reading.is_replayed else {}
    return {"X-Stream-Id": reading.stream_id, "Location": path_of(reading.stream_id), **again}
