"""HTTP on one connection: whatever comes in whatever pieces, and connections that are kept."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest

from app.providers.connecting import proxy_for
from app.providers.connection import Broken, Connection, NoHttp, Response, Unanswered
from app.providers.pace import Pace
from app.providers.provider import Pause
from app.providers.transport import Transport, _head
from tests.providers.lines import HOST, Heard, certified, proxy_to, saying
from tests.waiting import eventually

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n7\r\n, you.\n\r\n0\r\n\r\n"
MEASURED = HEAD + b"Content-Length: 12\r\n\r\nHello, you.\n"
UNTIL_CLOSED = HEAD + b"\r\nHello, you.\n"
SAID = b"Hello, you.\n"


@asynccontextmanager
async def transport(encrypts: ssl.SSLContext | None = None) -> AsyncIterator[Transport]:
    its = Transport(encrypts)
    yield its
    await its.aclose()


async def ask(its: Transport, heard: Heard, scheme: str = "http", host: str = "127.0.0.1") -> Response:
    return await its.send("POST", f"{scheme}://{host}:{heard.port}/v1?a=b", {"X-Who": "me"}, b"{}")


async def body(response: Response) -> bytes:
    read = bytearray()
    await response.pass_on(read.extend)
    return bytes(read)


async def told(answer: Sequence[bytes], *, closes: bool = False) -> tuple[int, bytes, int]:
    """Status and body of an answer that comes in these pieces, and how many connections two questions took."""
    async with saying(answer, closes=closes) as heard, transport() as its:
        response = await ask(its, heard)
        read = await body(response)
        await body(await ask(its, heard))
        return response.status, read, heard.connections


async def test_the_question_is_said_as_it_was_asked() -> None:
    async with saying([MEASURED]) as heard, transport() as its:
        await body(await ask(its, heard))

    assert heard.heads == [
        b"POST /v1?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Who: me\r\nContent-Length: 2\r\n\r\n" % heard.port
    ]


@pytest.mark.parametrize("answer", [CHUNKED, MEASURED])
async def test_an_answer_is_the_same_however_it_is_cut(answer: bytes) -> None:
    for cut in range(1, len(answer)):
        assert await told([answer[:cut], answer[cut:]]) == (200, SAID, 1)
    assert await told([bytes([byte]) for byte in answer]) == (200, SAID, 1)


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    assert await told([UNTIL_CLOSED], closes=True) == (200, SAID, 2)


async def test_what_only_announces_an_answer_is_none() -> None:
    assert await told([b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", MEASURED]) == (200, SAID, 1)


@pytest.mark.parametrize(
    "answer",
    [
        MEASURED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        MEASURED.replace(b"HTTP/1.1", b"HTTP/1.0"),
        MEASURED + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake",
        MEASURED + b"and more",
    ],
    ids=["asked to close", "old", "one too many", "too long"],
)
async def test_a_connection_that_may_not_be_used_again_is_not(answer: bytes) -> None:
    assert await told([answer]) == (200, SAID, 2)


async def test_what_comes_unasked_on_a_kept_connection_closes_it() -> None:
    async with saying([MEASURED, b"", b"HTTP/1.1 408 Timeout\r\n\r\n"]) as heard, transport() as its:
        await body(await ask(its, heard))
        await eventually(lambda: heard.open == 0)
        response = await ask(its, heard)

        assert (response.status, heard.connections) == (200, 2)
        response.close()


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", NoHttp),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", NoHttp),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Long: %s\r\n" % (b"x" * 1000) * 100, NoHttp),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n", Unanswered),
        (b"", Unanswered),
    ],
    ids=["another protocol", "upgrade", "head without end", "half a head", "nothing"],
)
async def test_what_has_no_head_is_no_answer(answer: bytes, failure: type[ConnectionError]) -> None:
    async with saying([answer], closes=True) as heard, transport() as its:
        with pytest.raises(failure):
            await ask(its, heard)
        await eventually(lambda: heard.open == 0)


@pytest.mark.parametrize("answer", [CHUNKED[:-20], CHUNKED[:-1], MEASURED[:-1]])
async def test_what_breaks_off_is_taken_as_far_as_it_came_and_is_broken(answer: bytes) -> None:
    read = bytearray()
    async with saying([answer], closes=True) as heard, transport() as its:
        response = await ask(its, heard)
        with pytest.raises(Broken):
            await response.pass_on(read.extend)

    assert SAID.startswith(bytes(read))
    assert read


async def test_a_listener_that_fails_hangs_up() -> None:
    def take(_piece: bytes) -> None:
        raise LookupError("not what I wanted")

    async with saying([CHUNKED[:-5]]) as heard, transport() as its:
        response = await ask(its, heard)
        with pytest.raises(LookupError):
            await response.pass_on(take)
        await eventually(lambda: heard.open == 0)


async def test_while_a_listener_pauses_nothing_more_is_handed_on() -> None:
    pieces = [b"%x\r\n%s\r\n" % (4, b"%04d" % number) for number in range(50)]
    read, pausing, most = bytearray(), 0, 0

    async def pause() -> None:
        nonlocal pausing
        pausing += 1
        for _ in range(5):
            await asyncio.sleep(0)
        pausing -= 1

    def take(piece: bytes) -> Pause:
        nonlocal most
        read.extend(piece)
        most = max(most, pausing)
        return pause

    async with saying([CHUNKED.partition(b"5\r\n")[0], *pieces, b"0\r\n\r\n"]) as heard, transport() as its:
        await (await ask(its, heard)).pass_on(take)
        assert (await body(await ask(its, heard)), heard.connections) == (bytes(read), 1)

    assert read == b"".join(b"%04d" % number for number in range(50))
    assert most == 0


class Line(asyncio.Transport):
    """Only knows whether it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = True

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


async def test_a_rest_that_is_over_ends_no_pause() -> None:
    line, connection = Line(), Connection(Pace(), lambda _: None, lambda _: None)
    connection.connection_made(line)

    connection.rest()
    connection.pause_reading()
    connection.rested()
    assert not line.is_read

    connection.resume_reading()
    assert line.is_read


async def test_who_is_left_in_the_last_pause_leaves_a_connection_that_answers() -> None:
    paused = asyncio.Event()

    async def for_ever() -> None:
        paused.set()
        await asyncio.Event().wait()

    async with saying([MEASURED]) as heard, transport() as its:
        reading = asyncio.create_task((await ask(its, heard)).pass_on(lambda _: for_ever))
        await paused.wait()
        reading.cancel()

        assert await body(await ask(its, heard)) == SAID
        assert heard.connections == 1


async def test_a_line_in_a_header_is_no_second_header() -> None:
    async with saying([MEASURED]) as heard, transport() as its:
        with pytest.raises(ValueError, match="two"):
            await its.send("GET", f"http://127.0.0.1:{heard.port}/", {"X-Key": "a\r\nX-Other: b"}, b"")

    assert heard.connections == 0


@pytest.mark.parametrize("address", ["ftp://models.example/v1", "models.example/v1", "http://"])
async def test_what_is_no_address_is_refused(address: str) -> None:
    async with transport() as its:
        with pytest.raises(ValueError, match="no address"):
            await its.send("GET", address, {}, b"")


async def test_an_encrypted_upstream_must_be_who_it_says_it_is() -> None:
    server, client = certified("127.0.0.1")
    strange, _ = certified("127.0.0.1")
    other, knows_other = certified("elsewhere.example")
    async with saying([MEASURED], encrypts=server) as heard, transport(client) as its:
        assert await body(await ask(its, heard, "https")) == SAID
        assert await body(await ask(its, heard, "https")) == SAID
        assert heard.connections == 1
    for encrypts, trusts in ((strange, client), (other, knows_other)):
        async with saying([MEASURED], encrypts=encrypts) as heard, transport(trusts) as its:
            with pytest.raises(ssl.SSLCertVerificationError):
                await ask(its, heard, "https")


@pytest.fixture
def _known_anew() -> Iterator[None]:
    """The environment's proxies are looked up once, and stand in heads that are kept."""
    proxy_for.cache_clear()
    _head.cache_clear()
    yield
    proxy_for.cache_clear()
    _head.cache_clear()


@pytest.mark.usefixtures("_known_anew")
async def test_an_encrypted_upstream_is_reached_through_a_proxy_that_sees_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, client = certified()
    async with saying([MEASURED], encrypts=server) as heard, proxy_to(heard.port) as proxy, transport(client) as its:
        monkeypatch.setenv("https_proxy", f"http://me:p%40ss@127.0.0.1:{proxy.port}")
        read = [await body(await ask(its, heard, "https", HOST)) for _ in range(2)]

    assert read == [SAID] * 2
    asked = b"CONNECT %s:%d HTTP/1.1\r\n" % (HOST.encode(), heard.port)
    assert [head.startswith(asked) for head in proxy.heads] == [True]
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in proxy.heads[0]
    assert b"X-Who" not in proxy.heads[0]
    assert [b"X-Who: me" in head for head in heard.heads] == [True, True]
    assert [b"Proxy-Authorization" in head for head in heard.heads] == [False, False]


@pytest.mark.usefixtures("_known_anew")
async def test_a_proxy_that_refuses_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    _, client = certified()
    async with proxy_to(0, b"HTTP/1.1 407 Who are you\r\n\r\n") as proxy, transport(client) as its:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(Unanswered):
            await ask(its, proxy, "https", HOST)


@pytest.mark.usefixtures("_known_anew")
async def test_a_plain_upstream_behind_a_proxy_is_asked_by_its_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async with saying([MEASURED]) as proxy, transport() as its:
        monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{proxy.port}")
        response = await its.send("GET", "http://models.example/v1/models", {}, b"")
        assert await body(response) == SAID

    (head,) = proxy.heads
    assert head.startswith(b"GET http://models.example/v1/models HTTP/1.1\r\nHost: models.example\r\n")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0\r\n" in head
