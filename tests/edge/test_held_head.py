"""What of an answer leaves in one write, and that nothing of it is held for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock, call

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.edge.held_head import HeldHead
from app.edge.wire import GuardedProtocol
from tests.edge.wires import listening
from tests.waiting import eventually, soon


class Line:
    """A transport that writes down what is written to it."""

    def __init__(self, transport: Any, writes: list[bytes]) -> None:
        self._transport, self._writes = transport, writes

    def write(self, data: bytes) -> None:
        self._writes.append(bytes(data))
        self._transport.write(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@dataclass
class Answering:
    port: int
    writes: list[bytes]
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    # How much was written of each answer when the server took it for finished.
    written: list[int] = field(default_factory=list)

    async def said_to(self, request: str, *more: str) -> bytes:
        """All that is answered until the line ends."""
        async with soon():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write("".join(f"{line} HTTP/1.1\r\nHost: it\r\n\r\n" for line in (request, *more)).encode())
            said = await reader.read()
            writer.close()
            return said


@pytest_asyncio.fixture
async def its() -> AsyncIterator[Answering]:
    its = Answering(0, [])

    class Written(GuardedProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(Line(transport, its.writes))

        def on_response_complete(self) -> None:
            its.written.append(sum(map(len, its.writes)))
            super().on_response_complete()

    async def whole(request: Request) -> Response:
        return JSONResponse({"is": "whole"}, headers={"Connection": "close"})

    async def kept(request: Request) -> Response:
        return JSONResponse({"is": "kept"})

    async def nothing(request: Request) -> Response:
        return Response(status_code=204, headers={"Connection": "close"})

    async def streamed(request: Request) -> Response:
        return StreamingResponse(pieces(), headers={"Connection": "close"})

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        await its.go_on.wait()
        yield b"two"

    async def late(request: Request) -> Response:
        return StreamingResponse(late_pieces(), headers={"Connection": "close"})

    async def late_pieces() -> AsyncIterator[bytes]:
        await its.go_on.wait()
        yield b"late"

    async def fails(request: Request) -> Response:
        return StreamingResponse(failing())

    async def failing() -> AsyncIterator[bytes]:
        raise ValueError
        yield b"never"

    routes = [Route(f"/{each.__name__}", each) for each in (whole, kept, nothing, streamed, late, fails)]
    async with listening(Starlette(routes=routes), Written) as its.port:
        yield its


async def test_an_answer_is_one_write(its: Answering) -> None:
    said = await its.said_to("GET /whole")

    assert its.writes == [said]
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said.endswith(b'\r\n\r\n{"is":"whole"}')


async def test_a_stream_begins_with_its_head_and_goes_on_as_it_comes(its: Answering) -> None:
    answered = asyncio.create_task(its.said_to("GET /streamed"))
    await eventually(lambda: bool(its.writes))
    first = its.writes[0]
    its.go_on.set()
    said = await answered

    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    assert its.writes[1].startswith(b"3\r\ntwo\r\n")
    assert b"".join(its.writes) == said


async def test_a_head_does_not_wait_for_words_that_are_late(its: Answering) -> None:
    answered = asyncio.create_task(its.said_to("GET /late"))
    await eventually(lambda: bool(its.writes))
    head = its.writes[0]
    its.go_on.set()
    await answered

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("request_line", "status"), [("HEAD /whole", b"200"), ("GET /nothing", b"204")])
async def test_an_answer_without_a_body_is_its_head(its: Answering, request_line: str, status: bytes) -> None:
    said = await its.said_to(request_line)

    assert said.startswith(b"HTTP/1.1 " + status)
    assert said.endswith(b"\r\n\r\n")


async def test_nothing_is_held_of_an_answer_that_is_over(its: Answering) -> None:
    said = await its.said_to("HEAD /kept", "GET /kept", "GET /whole")

    _, first, second, third = [len(answer) for answer in said.split(b"HTTP/1.1 ")]
    start = len(b"HTTP/1.1 ")
    assert its.written == [start + first, 2 * start + first + second, 3 * start + first + second + third]


async def test_answers_on_one_line_keep_their_order(its: Answering) -> None:
    said = await its.said_to("GET /kept", "HEAD /kept", "GET /kept", "GET /whole")

    assert [line.rpartition(b"\r\n")[2] for line in said.split(b"HTTP/1.1 200 OK\r\n")[1:]] == [
        *(b'{"is":"kept"}', b"", b'{"is":"kept"}', b'{"is":"whole"}'),
    ]


async def test_a_head_goes_out_before_a_failure(its: Answering) -> None:
    said = await its.said_to("GET /fails")

    assert said.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("is_gone", [False, True])
async def test_what_is_held_goes_to_who_is_there_at_the_end_of_the_turn(is_gone: bool) -> None:
    transport = Mock()
    transport.is_closing.return_value = is_gone
    cycle = SimpleNamespace(transport=transport)
    held = HeldHead(cast(RequestResponseCycle, cycle))
    end_of_turn = asyncio.get_running_loop().create_future()

    held.write(b"head")
    asyncio.get_running_loop().call_soon(end_of_turn.set_result, None)
    await end_of_turn

    assert transport.writelines.call_args_list == ([] if is_gone else [call((b"head",))])
    assert cycle.transport is transport


async def test_a_head_goes_out_before_the_line_is_closed() -> None:
    transport = Mock()
    transport.is_closing.return_value = False
    held = HeldHead(cast(RequestResponseCycle, SimpleNamespace(transport=transport)))

    held.write(b"head")
    held.close()

    assert transport.method_calls == [call.is_closing(), call.writelines((b"head",)), call.close()]
