"""A server that stops waits a moment for its requests, and what it cannot wait for any longer is told so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.edge.middleware import LastResort
from app.edge.wire import GuardedProtocol
from tests.waiting import WAIT_SECONDS_MAX, eventually


class Slow:
    """A server whose requests take for ever, before or after their first byte."""

    def __init__(self) -> None:
        routes = [Route("/waits", self.waits), Route("/goes-on", self.goes_on)]
        app = Starlette(routes=routes, middleware=[Middleware(LastResort)])
        self.config = uvicorn.Config(
            app, port=0, lifespan="off", http=GuardedProtocol, log_config=None, timeout_graceful_shutdown=1
        )
        self.asked = 0

    async def waits(self, request: Request) -> Response:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    async def goes_on(self, request: Request) -> Response:
        self.asked += 1
        return StreamingResponse(self.piece_by_piece())

    async def piece_by_piece(self) -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.Event().wait()

    @asynccontextmanager
    async def asked_and_stopped(self, path: str) -> AsyncIterator[httpx2.Response]:
        """An answer that had not ended when the server was told to stop."""
        server = uvicorn.Server(self.config)
        serving = asyncio.create_task(server.serve())
        await eventually(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_SECONDS_MAX) as client:
            asking = asyncio.create_task(client.send(client.build_request("GET", path), stream=True))
            await eventually(lambda: self.asked > 0)
            server.should_exit = True
            yield await asking
        await serving


async def test_what_has_no_answer_yet_is_told_to_come_again(caplog: pytest.LogCaptureFixture) -> None:
    async with Slow().asked_and_stopped("/waits") as answer:
        body = await answer.aread()

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert b'"code":"unavailable"' in body
    assert "Traceback" not in caplog.text


async def test_an_answer_that_has_begun_is_cut_and_passes_for_no_whole_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    async with Slow().asked_and_stopped("/goes-on") as answer:
        with pytest.raises(httpx2.RemoteProtocolError):
            await answer.aread()

    assert answer.status_code == 200
    assert [record for record in caplog.records if record.exc_info] == []


async def test_what_is_cancelled_by_mistake_is_still_an_error() -> None:
    """Nobody stops the server, so nothing but a fault of ours can be behind it."""

    async def mistaken(request: Request) -> Response:
        raise asyncio.CancelledError

    app = LastResort(Starlette(routes=[Route("/", mistaken)]))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://app") as client:
        with pytest.raises(asyncio.CancelledError):
            await client.get("/")
