"""One row of the route table is the whole contract of an endpoint: it routes, validates, documents and guards.

    routes = [post("/api/auth/login", login, body=Credentials, returns=SignedIn, public=True, raises=[Wrong])]

A handler gets the request, then what the row declares: its body, its query, or both. It answers with a shape, with
nothing (204), or with a ready response. Rows are closed: only `public=True` lets a stranger in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.edge.bodies import MalformedJson, WrongContentType, read_json, read_query
from app.edge.shapes import In, Out, Query
from app.errors import AppError, Forbidden, Invalid, NotFound, Unauthenticated

Answer = BaseModel | Response | None
Handler = Callable[..., Awaitable[Answer]]
Identify = Callable[[Request], Awaitable[str]]


@dataclass(frozen=True)
class Header:
    """One that a row understands beyond what every request may carry."""

    name: str
    description: str
    pattern: str = ""


@dataclass(frozen=True)
class Contract:
    """What a row promises; OpenAPI is written from it, and tests walk it."""

    body: type[In] | None = None
    query: type[Query] | None = None
    headers: Sequence[Header] = ()
    returns: type[Out] | None = None
    status: int = 200
    # The other answers that are no error, by their status, with their shape if they have one.
    also: Mapping[int, type[Out] | None] = field(default_factory=dict)
    public: bool = False
    role: str | None = None
    raises: Sequence[type[AppError]] = ()
    media_types: Sequence[str] = ("application/json",)
    hidden: bool = False
    # The path parameter that a `?ticket=` may stand for, where headers cannot be sent.
    ticket: str | None = None

    @property
    def errors(self) -> list[type[AppError]]:
        """Those of the handler, and those that the row itself may answer before the handler runs."""
        implied: list[type[AppError]] = [] if self.public else [Unauthenticated]
        implied += [Forbidden] if self.role else []
        implied += [MalformedJson, WrongContentType] if self.body else []
        implied += [Invalid] if self.body or self.query else []
        return [*implied, *(error for error in self.raises if error not in implied)]


class Endpoint(Route):
    def __init__(self, method: str, path: str, handler: Handler, contract: Contract) -> None:
        self.handler, self.contract, self.method = handler, contract, method
        super().__init__(path, self._answered, methods=[method], name=getattr(handler, "__name__", path))
        # What Starlette makes of a function catches errors a second time, in three more layers for an open reply.
        self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answered(Request(scope, receive, send))
        await answer(scope, receive, send)

    async def _answered(self, request: Request) -> Response:
        request.scope["prome.route"] = self.path
        contract = self.contract
        if contract.ticket is not None:
            request.scope["prome.ticket_for"] = request.path_params[contract.ticket]
        if not contract.public:
            await self._let_in(request)
        if any("\x00" in str(value) for value in request.path_params.values()):
            raise NotFound  # No id of ours holds NUL, and Postgres would rather fail than look for one.
        given: list[Any] = [await read_json(request, contract.body)] if contract.body else []
        given += [read_query(request, contract.query)] if contract.query else []
        answer = await self.handler(request, *given)
        return answer if isinstance(answer, Response) else reply(answer, contract.status)

    async def _let_in(self, request: Request) -> None:
        identify: Identify = request.app.state.identify
        role = await identify(request)
        if self.contract.role and role != self.contract.role:
            raise Forbidden


def reply(answer: BaseModel | None, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    if answer is None:
        return Response(None, 204, headers)
    return Response(answer.model_dump_json(), status, headers, media_type="application/json")


def get(path: str, handler: Handler, **contract: Any) -> Endpoint:
    return Endpoint("GET", path, handler, Contract(**contract))


def post(path: str, handler: Handler, **contract: Any) -> Endpoint:
    return Endpoint("POST", path, handler, Contract(**contract))


def patch(path: str, handler: Handler, **contract: Any) -> Endpoint:
    return Endpoint("PATCH", path, handler, Contract(**contract))


def delete(path: str, handler: Handler, **contract: Any) -> Endpoint:
    return Endpoint("DELETE", path, handler, Contract(**contract))
