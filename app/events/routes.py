"""Follow what changes about my account."""

from __future__ import annotations

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response

from app.accounts.identity import identity
from app.billing import news
from app.edge.endpoints import get
from app.edge.sse import STREAM_HEADERS
from app.events import channel
from app.services import services

PING_SECONDS = 10
SEND_SECONDS_MAX = 20


async def follow_account(request: Request) -> Response:
    """Server-sent events: `balance` now and after a change, `payment` and `conversation` after each.

    It ends when the session does.
    """
    its = services(request)
    events = channel.follow(
        its.db, its.topics, identity(request).user_id, lambda: request.app.state.identify(request), news.newest
    )
    return EventSourceResponse(
        events, headers=STREAM_HEADERS, ping=PING_SECONDS, sep="\n", send_timeout=SEND_SECONDS_MAX
    )


routes = [get("/api/events", follow_account, media_types=["text/event-stream"])]
