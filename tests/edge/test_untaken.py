"""An answer, and a reader that does not take it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.edge.wire import GuardedProtocol
from tests.edge.wires import MEBIBYTE, Clockwork, Hurried, listening, unserved
from tests.waiting import WAIT_SECONDS_MAX, eventually, soon

# More than the system takes in for a connection, so that the rest waits in the server.
LARGE = 12 * MEBIBYTE


@pytest.fixture
def gone() -> asyncio.Event:
    """When the server has let the connection go."""
    return asyncio.Event()


@pytest.fixture
def given_up() -> asyncio.Event:
    """When nobody makes any more of the answer that is streamed."""
    return asyncio.Event()


@pytest_asyncio.fixture
async def port(gone: asyncio.Event, given_up: asyncio.Event) -> AsyncIterator[int]:
    class Noticed(Hurried):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            gone.set()

    async def large(request: Request) -> Response:
        return Response(b"x" * int(request.path_params["size"]))

    async def streamed(request: Request) -> Response:
        return StreamingResponse(pieces(int(request.path_params["size"])))

    async def pieces(size: int) -> AsyncIterator[bytes]:
        try:
            for _ in range(size // MEBIBYTE):
                yield b"x" * MEBIBYTE
        finally:
            given_up.set()

    routes = [Route("/{size:int}", large), Route("/streamed/{size:int}", streamed)]
    async with listening(Starlette(routes=routes), Noticed) as port:
        yield port


def connected(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port))
    line.setblocking(False)
    return line


async def ask(line: socket.socket, connection: str, size: int = LARGE, path: str = "/") -> None:
    request = f"GET {path}{size} HTTP/1.1\r\nHost: app\r\nConnection: {connection}\r\n\r\n"
    await asyncio.get_running_loop().sock_sendall(line, request.encode())


async def taken(line: socket.socket, pause_seconds: float = 0, size: int = LARGE) -> int:
    """Bytes, until all are there or the connection is cut."""
    found, loop = 0, asyncio.get_running_loop()
    try:
        while found < size and (piece := await loop.sock_recv(line, MEBIBYTE)):
            found += len(piece)
            await asyncio.sleep(pause_seconds)
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
async def test_who_takes_nothing_of_it_is_cut_off(port: int, gone: asyncio.Event, connection: str) -> None:
    with connected(port) as line:
        await ask(line, connection)
        await asyncio.wait_for(gone.wait(), WAIT_SECONDS_MAX)

        assert await taken(line) < LARGE


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
async def test_who_takes_it_slowly_gets_all_of_it(port: int, connection: str) -> None:
    with connected(port) as line:
        await ask(line, connection)

        assert await taken(line, pause_seconds=0.1) >= LARGE


async def test_who_asks_again_is_given_time_for_each_answer(port: int) -> None:
    with connected(port) as line:
        await ask(line, "keep-alive")
        assert await taken(line) >= LARGE
        await ask(line, "keep-alive", 2 * LARGE)

        assert await taken(line, 0.1, 2 * LARGE) >= 2 * LARGE


async def test_who_takes_nothing_of_what_is_still_made_is_cut_off(
    port: int, gone: asyncio.Event, given_up: asyncio.Event
) -> None:
    with connected(port) as line:
        await ask(line, "keep-alive", path="/streamed/")
        async with soon():
            await gone.wait()
            await given_up.wait()

        assert await taken(line) < LARGE


async def test_who_takes_slowly_what_is_still_made_gets_all_of_it(port: int) -> None:
    with connected(port) as line:
        await ask(line, "keep-alive", path="/streamed/")

        assert await taken(line, pause_seconds=0.1) >= LARGE


class Line(asyncio.Transport):
    """One that says of itself how much waits to leave."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.left, self.is_cut = 0, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """It leaves at once; what does not is told by the test."""

    def get_write_buffer_size(self) -> int:
        return self.left

    def is_closing(self) -> bool:
        return self.is_cut

    def abort(self) -> None:
        self.is_cut = True

    def close(self) -> None:
        self.is_cut = True


async def test_nobody_is_held_to_what_the_next_answer_adds() -> None:
    """The rest of one answer waits, as little as may, when the next one begins, and takes its time."""
    goes_on = asyncio.Event()

    async def answer(request: Request) -> Response:
        if request.url.path == "/next":
            await goes_on.wait()
        return Response(b"x")

    line, clock, app = Line(), Clockwork(), Starlette(routes=[Route("/first", answer), Route("/next", answer)])
    protocol = unserved(app, GuardedProtocol, clock)
    protocol.connection_made(line)
    line.left = 40_000
    protocol.data_received(b"GET /first HTTP/1.1\r\nHost: app\r\n\r\n")
    await eventually(lambda: protocol.cycle.response_complete)
    protocol.data_received(b"GET /next HTTP/1.1\r\nHost: app\r\n\r\n")
    line.left = 45_000
    clock.pass_by(GuardedProtocol.take_seconds_max)
    was_cut_meanwhile = line.is_cut
    goes_on.set()
    await eventually(lambda: protocol.cycle.response_complete)
    clock.pass_by(GuardedProtocol.take_seconds_max)

    assert (was_cut_meanwhile, line.is_cut) == (False, True)
