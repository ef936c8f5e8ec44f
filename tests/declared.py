"""Every error that any test sees is held against the route table: an undeclared code fails the test."""

from __future__ import annotations

import httpx2
import orjson
from starlette.applications import Starlette
from starlette.routing import Match

from app.edge.endpoints import Endpoint
from app.edge.openapi import EVERYWHERE, WITH_BODY

ANYWHERE = {error.code for error in (*EVERYWHERE, *WITH_BODY)} | {"not_found", "method_not_allowed"}


class DeclaredErrors:
    def __init__(self, app: Starlette) -> None:
        self._rows = [route for route in app.routes if isinstance(route, Endpoint)]

    async def check(self, response: httpx2.Response) -> None:
        """An event hook of the test client."""
        if response.status_code < 400 or "json" not in response.headers.get("content-type", ""):
            return
        body = orjson.loads(await response.aread())
        assert {"error", "code", "requestId"} <= set(body), body
        assert body["requestId"] == response.headers["x-request-id"]
        row = self._row(response.request)
        declared = {error.code for error in row.contract.errors} if row else set()
        assert body["code"] in declared | ANYWHERE, f"{response.request.url.path} does not declare {body['code']}"

    def _row(self, request: httpx2.Request) -> Endpoint | None:
        scope = {"type": "http", "method": request.method, "path": request.url.path}
        return next((row for row in self._rows if row.matches(scope)[0] is Match.FULL), None)
