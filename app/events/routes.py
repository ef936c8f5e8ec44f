"""Follow what changes about my account."""

from __future__ import annotations

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response

from app.accounts.identity import identity
from app.edge.endpoints import get
from app.edge.sse import STREAM_HEADERS
from app.services import services

# It sends no pings of its own: the pulse of the readers does that for all of them, and without a task for each.
NO_PINGS = 0
SEND_SECONDS_MAX = 20


async def follow_account(request: Request) -> Response:
    """Server-sent events: `balance` now and after a change, `payment` and `conversation` after each.

    It ends when the session does.
    """
    me = identity(request)
    events = services(request).channels.follow(me.user_id, me.sign_in_id)
    return EventSourceResponse(events, headers=STREAM_HEADERS, ping=NO_PINGS, sep="\n", send_timeout=SEND_SECONDS_MAX)


routes = [get("/api/events", follow_account, media_types=["text/event-stream"])]
