"""A real uvicorn on a free port, for everything that only a socket shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import socket

import uvicorn
from starlette.applications import Starlette

from app.edge.wire import GuardedProtocol
from tests.waiting import WAIT_SECONDS_MAX, eventually

LEAVE_SECONDS_MAX = 60


class LiveServer(uvicorn.Server):
    """Says when it is there, and leaves as soon as it can: by itself it looks ten times a second whether it may."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready, self.leaving = asyncio.Event(), asyncio.Event()

    def leave(self) -> None:
        self.should_exit = True
        self.leaving.set()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.leaving.wait()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)
        await eventually(
            lambda: not self.server_state.connections and not self.server_state.tasks, seconds_max=LEAVE_SECONDS_MAX
        )
        for server in self.servers:
            await server.wait_closed()


@asynccontextmanager
async def serve(
    app: Starlette, *, at: socket | None = None, protocol: type[GuardedProtocol] = GuardedProtocol
) -> AsyncIterator[str]:
    """The base URL, while it runs; `at` is a bound socket, for an app that has to know its address beforehand."""
    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = LiveServer(config)
    serving = asyncio.create_task(server.serve([at] if at else None))
    await asyncio.wait_for(server.ready.wait(), WAIT_SECONDS_MAX)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.leave()
    await serving
