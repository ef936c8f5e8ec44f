"""A real uvicorn on a free port, for everything that only a socket shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import socket

import uvicorn
from starlette.applications import Starlette

from app.edge.wire import GuardedProtocol

START_SECONDS = 5


class LiveServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def serve(app: Starlette, *, at: socket | None = None) -> AsyncIterator[str]:
    """The base URL, while it runs; `at` is a bound socket, for an app that has to know its address beforehand."""
    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        http=GuardedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = LiveServer(config)
    serving = asyncio.create_task(server.serve([at] if at else None))
    await asyncio.wait_for(server.ready.wait(), START_SECONDS)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving
