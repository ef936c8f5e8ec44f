"""Nobody can send so much, or so slowly, that others notice."""

from __future__ import annotations

import asyncio
import itertools
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.middleware import Middleware

from app.edge.body_limit import BodyLimit
from app.edge.errors import handlers
from app.services import Services
from app.settings import Settings
from tests.conftest import settings_for
from tests.edge.wires import MEBIBYTE, Hurried, head, listening, say, status
from tests.observability.lines import Lines
from tests.waiting import eventually, hang_up, soon

pytestmark = pytest.mark.either_engine

HUGE = 200 * MEBIBYTE
GROWN_BYTES_MAX = 16 * MEBIBYTE
CPU_SECONDS_MAX = 1
SLOW_CALLERS = 200
PIECE = b" " * 65_536
CHUNK = b"10000\r\n" + PIECE + b"\r\n"


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, environment="production", frontend_url="http://app")


@pytest_asyncio.fixture
async def port(app: Starlette) -> AsyncIterator[int]:
    async with listening(app) as port:
        yield port


@pytest_asyncio.fixture
async def hurried_port(app: Starlette) -> AsyncIterator[int]:
    async with listening(app, Hurried) as port:
        yield port


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@contextmanager
def quick_and_small() -> Iterator[None]:
    """In time of this process, which a busy machine does not stretch; the caller's own is in it."""
    resident, began = resident_bytes(), time.process_time()
    yield
    assert time.process_time() - began <= CPU_SECONDS_MAX
    assert resident_bytes() - resident <= GROWN_BYTES_MAX


def pieces(piece: bytes, start: bytes) -> Iterator[bytes]:
    return itertools.chain([start], itertools.repeat(piece, HUGE // len(PIECE)))


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(lambda: pieces(PIECE, head(f"Content-Length: {HUGE}")), id="announced"),
        pytest.param(lambda: pieces(CHUNK, head("Transfer-Encoding: chunked")), id="chunked"),
        pytest.param(lambda: iter([head(f"Content-Length: {HUGE}")]), id="announced and never sent"),
        pytest.param(lambda: iter([head("Content-Length: " + "9" * 18)]), id="absurdly large"),
    ],
)
async def test_two_hundred_megabytes_are_refused_at_once_and_not_kept(hurried_port: int, parts: object) -> None:
    assert callable(parts)

    with quick_and_small():
        answer = await say(hurried_port, parts())

    assert status(answer) == 413
    assert b'"code":"body_too_large"' in answer


@pytest.mark.parametrize(
    "body",
    [
        pytest.param([head(f"Content-Length: {len(PIECE) * 96}"), *[PIECE] * 96], id="announced"),
        pytest.param([head("Transfer-Encoding: chunked"), *[CHUNK] * 96, b"0\r\n\r\n"], id="chunked"),
    ],
)
async def test_who_sends_everything_before_reading_hears_of_it_too(port: int, body: list[bytes]) -> None:
    async with soon():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        for part in body:
            writer.write(part)
            await writer.drain()
        writer.write(head("Connection: close", method="GET", path="/healthz"))
        answer = await reader.read(-1)
        await hang_up(writer)

    assert (status(answer), answer.count(b"HTTP/1.1 200 OK")) == (413, 1)


async def test_who_asks_before_sending_too_much_is_refused_and_hung_up_on(port: int) -> None:
    answer = await say(port, [head(f"Content-Length: {HUGE}", "Expect: 100-continue")])

    assert status(answer) == 413
    assert b"connection: close" in answer.lower()


async def test_a_megabyte_is_not_too_much(port: int) -> None:
    body = b'{"text": "' + b"x" * (MEBIBYTE - 12) + b'"}'

    answer = await say(port, [head(f"Content-Length: {len(body)}", "Connection: close"), body])

    assert (len(body), status(answer)) == (MEBIBYTE, 422)
    assert b"Use at most 100 characters." in answer


@pytest.mark.parametrize(
    "lines",
    [["X: " + "a" * 40_000], [f"X-{number}: a" for number in range(4_000)], ["a" * 40_000 + ": x"]],
    ids=["one big", "many small", "a long name"],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_too_many_headers_are_refused(port: int, lines: list[str], *, at_once: bool) -> None:
    sent = head(*lines, method="GET", path="/healthz")
    parts = [sent] if at_once else [sent[place : place + 4096] for place in range(0, len(sent), 4096)]

    with quick_and_small():
        answer = await say(port, parts)

    assert status(answer) == 431
    assert b'"code":"headers_too_large"' in answer


async def test_headers_that_never_end_are_refused_before_they_do(port: int) -> None:
    with quick_and_small():
        answer = await say(port, itertools.chain([head()[:-2]], itertools.repeat(b"X: aaaaaaaaaaaaaaaaa\r\n" * 50)))

    assert status(answer) == 431


async def test_a_long_address_counts_as_headers(port: int) -> None:
    answer = await say(port, [head(method="GET", path="/healthz?" + "a" * 40_000)])

    assert status(answer) == 431


@pytest.mark.parametrize(
    "sent",
    [
        b"BREW /pot HTTP/1.1\r\n\r\n",
        "GET /api/conversations?q=Größe HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        head("Content-Length: -5"),
        b"\x16\x03\x01 a handshake",
    ],
    ids=["no method", "an address in UTF-8", "a negative length", "no HTTP at all"],
)
async def test_what_is_not_http_gets_an_error_of_the_usual_shape(port: int, sent: bytes) -> None:
    answer = await say(port, [sent])

    told, _, body = answer.partition(b"\r\n\r\n")
    error = orjson.loads(body)
    assert (status(answer), error["code"]) == (400, "bad_request")
    assert f"X-Request-ID: {error['requestId']}".encode() in told
    assert error["requestId"].startswith("req_")


SLOW = {
    "silent": ([b""], 0.0),
    "half a request": ([b"POST /api/measure HT"], 0.0),
    "half the headers": ([head()[:-2]], 0.0),
    "dripping headers": ([bytes([one]) for one in head()[:-2] * 10], 0.05),
    "dripping body": ([head("Content-Length: 1000"), *[b" "] * 1000], 0.05),
    "dripping chunks": ([head("Transfer-Encoding: chunked"), *[b"1\r\n \r\n"] * 1000], 0.05),
    "dripping body that nobody reads": ([head("Content-Length: 1000", path="/nowhere"), *[b" "] * 1000], 0.05),
    "half a second request": ([head(method="GET", path="/healthz"), b"GET /heal"], 0.1),
}


@pytest.mark.parametrize("manner", SLOW)
async def test_slow_callers_are_hung_up_on(hurried_port: int, manner: str) -> None:
    parts, pause_seconds = SLOW[manner]
    resident = resident_bytes()

    callers = [say(hurried_port, parts, pause_seconds) for _ in range(SLOW_CALLERS)]
    async with soon():
        await asyncio.gather(*callers)

    assert resident_bytes() - resident <= GROWN_BYTES_MAX


async def test_somebody_who_takes_a_breath_is_waited_for(hurried_port: int) -> None:
    body = b'{"text": "four"}'

    answer = await say(
        hurried_port, [head(f"Content-Length: {len(body)}", "Connection: close"), body[:5], body[5:]], 0.1
    )

    assert status(answer) == 200
    assert answer.endswith(b'{"characters":4,"after":null}')


async def test_a_caller_who_leaves_in_the_middle_is_no_error_of_ours(
    lines: Lines, port: int, services: Services
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head("Content-Length: 1000") + b"{")
    await writer.drain()
    await eventually(lambda: services.metrics.registry.get_sample_value("prome_requests_open") == 1)
    writer.close()
    await eventually(lambda: services.metrics.registry.get_sample_value("prome_requests_open") == 0)

    (line,) = lines.all()
    assert (line["event"], line["status"]) == ("request", 499)


async def test_a_body_that_does_not_come_is_told_so(app: Starlette) -> None:
    """The limit on reading is shorter than the one on the wire, so there is still somebody to tell."""
    limited = Starlette(
        routes=app.routes, middleware=[Middleware(BodyLimit, seconds_max=0.2)], exception_handlers=handlers
    )
    async with listening(limited) as port:
        answer = await say(port, [head("Content-Length: 1000"), b"{"])

    assert status(answer) == 408
    assert b'"code":"body_too_slow"' in answer
