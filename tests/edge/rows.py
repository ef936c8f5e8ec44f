"""Rows that do to the edge what no real handler should, for tests that mount them as `more_routes`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx2
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from app.edge import paging
from app.edge.endpoints import get, post
from app.edge.paging import Page
from app.edge.shapes import In, Out, Text
from app.main import create_app
from app.settings import Settings
from tests.declared import DeclaredErrors

SECRET_WORDS = "the plumbing is at db.internal:5432"


class Note(In):
    text: Annotated[Text, Field(max_length=100)]
    stars: int = 0


class Length(Out):
    characters: int
    after: str | None = None


async def fall_over(request: Request) -> Response:
    raise RuntimeError(SECRET_WORDS)


async def fall_over_while_speaking(request: Request) -> Response:
    async def words() -> AsyncIterator[bytes]:
        yield b"so far so good"
        raise RuntimeError(SECRET_WORDS)

    return StreamingResponse(words())


async def measure(request: Request, body: Note) -> Length:
    return Length(characters=len(body.text))


async def look(request: Request, page: Page) -> Length:
    after = page.after
    return Length(characters=page.limit, after=after[1] if after else None)


async def leaf(request: Request, page: Page) -> Response:
    from_here = int(page.after[1]) + 1 if page.after else 0
    moment = request.app.state.services.clock.now()
    found = list(range(from_here, min(10, from_here + page.limit + 1)))
    shown, cursor = paging.cut(found, page, lambda number: (moment, str(number)))
    return Response(f"{shown}\n{cursor or ''}")


ROWS: list[BaseRoute] = [
    get("/api/fall", fall_over, public=True),
    get("/api/fall-late", fall_over_while_speaking, public=True),
    post("/api/measure", measure, body=Note, returns=Length, public=True),
    get("/api/look", look, query=Page, returns=Length, public=True),
    get("/api/leaf", leaf, query=Page, public=True),
]


@asynccontextmanager
async def running(settings: Settings, rows: Sequence[BaseRoute] = ROWS, **more: Any) -> AsyncIterator[Starlette]:
    app = create_app(settings, more_routes=rows, **more)
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def asking(app: Starlette, base_url: str = "http://app") -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    hooks = {"response": [DeclaredErrors(app).check]}
    async with httpx2.AsyncClient(transport=transport, base_url=base_url, event_hooks=hooks) as client:
        yield client
