"""AppError to HTTP: the only renderer, whatever went wrong and wherever."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from app.edge import accept
from app.edge.sse import CONTENT_TYPE, frame
from app.errors import AppError, NotFound
from app.observability import context, logs

log = logs.get("prome.errors")
JSON, EVENTS = "application/json", "text/event-stream"
# What a mounted folder takes.
SAFE = {"GET", "HEAD"}
# No status of HTTP, but the one that operators know from nginx.
CALLER_GONE = 499


class MethodNotAllowed(AppError):
    status, code, message = 405, "method_not_allowed", "This address does not take {method}."


class BadRequest(AppError):
    status, code, message = 400, "bad_request", "The request cannot be understood."


def render(request: Request, error: AppError) -> Response:
    """A stream's reader gets the same object as its one `error` event, with the same status."""
    body = {**error.as_dict(), "requestId": context.request_id.get()}
    soon = {"Retry-After": "1"} if error.status == 503 else {}
    headers = {"Cache-Control": "no-store", **soon, **error.headers}
    if accept.preferred(request, [JSON, EVENTS]) == EVENTS:
        # What a reply failed of knows better than its status whether to try again helps.
        event = frame(0, "error", {"retryable": error.status in (429, 502, 503, 504), **body})
        return Response(event, error.status, headers, media_type=CONTENT_TYPE)
    return Response(orjson.dumps(body), error.status, headers, media_type=JSON)


def unexpected(request: Request, error: Exception) -> Response:
    """Its words stay in the log; the caller gets the request id, to find them by."""
    log.error("unexpected_error", error=type(error).__name__, exc_info=error)
    return render(request, AppError())


async def on_app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return render(request, error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an unknown address, or a known one asked in the wrong way."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return render(request, NotFound())
    if error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request) or SAFE))
        return render(request, MethodNotAllowed(method=request.method, headers={"Allow": allowed}))
    return render(request, BadRequest())


async def on_caller_gone(request: Request, error: Exception) -> Response:
    """Nobody reads this; it is for the log and the counts, where leaving early is no fault of ours."""
    return Response(None, CALLER_GONE)


def _methods(request: Request) -> set[str]:
    routes: list[Any] = request.app.routes
    return {
        method
        for route in routes
        if getattr(route, "methods", None) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods
    }


handlers: dict[Any, Any] = {
    AppError: on_app_error,
    HTTPException: on_http_exception,
    ClientDisconnect: on_caller_gone,
}
