"""Follow what changes about my account."""

from __future__ import annotations

from pydantic import Field
from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response

from app.accounts.identity import identity
from app.edge.endpoints import Header, get
from app.edge.shapes import Query
from app.edge.sse import STREAM_HEADERS
from app.services import services

# It needs no pings: the pulse of the readers has comments sent to all of them, and without a task for each.
NO_PINGS = 0
# EventSource sends it when it comes back by itself, and that it does is all that counts here.
LAST_EVENT_ID = Header("Last-Event-ID", "Says the same as `again`")


class Again(Query):
    again: bool = Field(
        False, description="You listened before: how the latest conversations and payments are now, too"
    )


async def follow_account(request: Request, query: Again) -> Response:
    """Server-sent events: `balance` now and after a change, `payment` and `conversation` after each.

    It ends when the session does.
    """
    me = identity(request)
    again = query.again or LAST_EVENT_ID.name in request.headers
    events = services(request).channels.follow(me.user_id, me.sign_in_id, again=again)
    return EventSourceResponse(events, headers=STREAM_HEADERS, ping=NO_PINGS, sep="\n")


routes = [
    get(
        "/api/events",
        follow_account,
        query=Again,
        headers=[LAST_EVENT_ID],
        media_types=["text/event-stream"],
    )
]
