"""From a request to a person: a bearer token for scripts, a cookie for browsers, and a 401 for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from app.accounts import sessions
from app.accounts.tokens import Claims, Tokens
from app.clock import Clock
from app.db import Database
from app.edge.origin import require_same_origin
from app.errors import Unauthenticated
from app.observability import context
from app.settings import Settings

COOKIE, COOKIE_OVER_TLS = "session", "__Host-session"


@dataclass(frozen=True)
class Identity:
    user_id: str
    email: str
    role: str
    sign_in_id: str


class Identify:
    """What the edge calls for every row that is not public. Answers with the caller's role."""

    def __init__(self, settings: Settings, db: Database, clock: Clock, tokens: Tokens) -> None:
        self._public_url, self._db, self._clock, self._tokens = settings.public_url, db, clock, tokens

    async def __call__(self, request: Request) -> str:
        claims = self._claims(request)
        async with self._db.glance() as session:
            row = await sessions.holder(session, claims, self._clock.now())
        if row is None:
            raise Unauthenticated
        request.state.identity = Identity(row["id"], row["email"], row["role"], claims.sign_in_id)
        context.user_id.set(row["id"])
        return str(row["role"])

    def _claims(self, request: Request) -> Claims:
        """A ticket is looked at only where the row of the route table takes one."""
        ticket, thing = request.query_params.get("ticket"), request.scope.get("prome.ticket_for")
        if ticket is not None and thing is not None:
            return self._tokens.read_ticket(ticket, thing)
        return self._tokens.read(self._presented(request))

    def _presented(self, request: Request) -> str:
        """A header outranks the cookie; two headers are one too many."""
        headers = request.headers.getlist("authorization")
        if headers:
            scheme, _, token = headers[0].partition(" ")
            if len(headers) > 1 or scheme.lower() != "bearer" or not token or " " in token:
                raise Unauthenticated
            return token
        token = request.cookies.get(cookie_name(request), "")
        if not token:
            raise Unauthenticated
        require_same_origin(request, self._public_url)
        return token


def identity(request: Request) -> Identity:
    return cast(Identity, request.state.identity)


def cookie_name(request: Request) -> str:
    return COOKIE_OVER_TLS if request.url.scheme == "https" else COOKIE


def set_cookie(request: Request, response: Response, token: str, max_age_seconds: int) -> None:
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=max_age_seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def clear_cookie(request: Request, response: Response) -> None:
    set_cookie(request, response, "", 0)
