"""An answer that is whole, and a reader that does not take it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.edge.wires import MEBIBYTE, Hurried, listening

# More than the system takes in for a connection, so that the rest waits in the server.
LARGE = 12 * MEBIBYTE


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    async def large(_request: Request) -> Response:
        return Response(b"x" * LARGE)

    async with listening(Starlette(routes=[Route("/", large)]), Hurried) as port:
        yield port


async def asked(port: int, connection: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port))
    line.setblocking(False)
    request = f"GET / HTTP/1.1\r\nHost: app\r\nConnection: {connection}\r\n\r\n"
    await asyncio.get_running_loop().sock_sendall(line, request.encode())
    return line


async def taken(line: socket.socket, pause_seconds: float = 0) -> int:
    """Bytes, until all are there or the connection is cut."""
    found, loop = 0, asyncio.get_running_loop()
    try:
        while found < LARGE and (piece := await loop.sock_recv(line, MEBIBYTE)):
            found += len(piece)
            await asyncio.sleep(pause_seconds)
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
async def test_who_takes_nothing_of_it_is_cut_off(port: int, connection: str) -> None:
    with await asked(port, connection) as line:
        await asyncio.sleep(3 * Hurried.take_seconds_max)

        assert await taken(line) < LARGE


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
async def test_who_takes_it_slowly_gets_all_of_it(port: int, connection: str) -> None:
    with await asked(port, connection) as line:
        assert await taken(line, pause_seconds=0.1) >= LARGE
