"""Is it alive, is it ready, what has it counted, and what can be asked of it."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.db import DatabaseUnavailable
from app.edge import docs
from app.edge.endpoints import get
from app.edge.shapes import Out
from app.errors import NotFound, Unavailable
from app.observability.metrics import CONTENT_TYPE
from app.services import services

FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


class NotReady(Unavailable):
    code, message = "not_ready", "The service is not ready: {reason}."


class Alive(Out):
    status: Literal["ok"] = "ok"


class Ready(Out):
    status: Literal["ready"] = "ready"
    checks: dict[str, str]


async def healthz(request: Request) -> Alive:
    """Answers as long as the process does."""
    return Alive()


async def readyz(request: Request) -> Ready:
    """Answers 200 when requests can be served, else 503 and why."""
    its = services(request)
    if its.turns.draining:
        raise NotReady(reason="it is being stopped")
    try:
        await its.db.ping()
    except DatabaseUnavailable:
        raise NotReady(reason="the database does not answer") from None
    # Guessed tokens are a fault to mend, and no reason to turn everybody away.
    return Ready(checks={"database": "ok", "tokenizer": "ok" if its.models.tokens_are_counted else "estimate"})


async def metrics(request: Request) -> Response:
    """Prometheus metrics, for this machine or for whoever has the token."""
    if not _may_look(request):
        raise NotFound
    return Response(services(request).metrics.exposition(), media_type=CONTENT_TYPE)


async def openapi(request: Request) -> Response:
    """This API as an OpenAPI 3.1 document."""
    return Response(request.app.state.described.json, media_type="application/json")


async def docs_page(request: Request) -> Response:
    """This API as a page."""
    described: dict[str, Any] = request.app.state.described.document
    return HTMLResponse(docs.page(described))


def _may_look(request: Request) -> bool:
    token = services(request).settings.metrics_token.get_secret_value()
    if token:
        shown = request.headers.get("authorization", "")
        return hmac.compare_digest(shown.encode(), f"Bearer {token}".encode())
    # A proxy on this machine also comes from loopback, but says for whom it asks.
    return _is_loopback(request) and not any(name in request.headers for name in FORWARDED)


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


routes = [
    get("/healthz", healthz, returns=Alive, public=True),
    get("/readyz", readyz, returns=Ready, public=True, raises=[NotReady]),
    get("/metrics", metrics, public=True, raises=[NotFound], media_types=["text/plain"]),
    get("/openapi.json", openapi, public=True, hidden=True),
    get("/docs", docs_page, public=True, hidden=True),
]
