"""Questions to upstreams, on connections that are kept for the next one.

The SDK asks through it as well, for what is asked rarely; a question to a model goes the short way, by `send`, because
the SDK takes longer to put one together than all the rest of a turn's start.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache, partial
from urllib.parse import urlsplit

import httpx2

from app.providers.connecting import Place, Ways, proxy_for
from app.providers.connection import Connection, Response
from app.providers.pace import Pace

IDLE_SECONDS = 30
# Of an answer that is no stream, which is an error or a list of models.
BODY_BYTES_MAX = 65_536
BODY_SECONDS = 1
HEADS_MAX = 128
# Ours to say.
HOP_HEADERS = {"host", "content-length", "connection", "transfer-encoding"}


class Transport(httpx2.AsyncBaseTransport):
    def __init__(self, encrypts: ssl.SSLContext | None = None) -> None:
        self._ways, self._pace = Ways(encrypts), Pace()
        # The one that was used last is the one least likely to be closed by the other side just now.
        self._idle: defaultdict[Place, list[Connection]] = defaultdict(list)
        self._closing: dict[Connection, asyncio.TimerHandle] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        return answer(await self.send(request.method, str(request.url), request.headers, body), request)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, anew: bool = False
    ) -> Response:
        """Returns with the head of the answer. Anew: not on a connection that was used before."""
        place, head = _head(method, url, tuple(headers.items()))
        connection = None if anew else self._kept(place)
        if connection is None:
            connection = await self._ways.connect(place, self._make(place))
        response = connection.ask(head % len(body), body)
        try:
            await response.begun()
        except BaseException:
            response.close()
            raise
        return response

    async def aclose(self) -> None:
        for connection in list(self._closing):
            connection.abort()
        # The loop closes them in its next round.
        await asyncio.sleep(0)

    def _make(self, place: Place) -> partial[Connection]:
        return partial(Connection, self._pace, partial(self._keep, place), partial(self._forget, place))

    def _kept(self, place: Place) -> Connection | None:
        idle = self._idle[place]
        while idle:
            connection = idle.pop()
            self._closing.pop(connection).cancel()
            if connection.is_open:
                return connection
        return None

    def _keep(self, place: Place, connection: Connection) -> None:
        self._idle[place].append(connection)
        self._closing[connection] = asyncio.get_running_loop().call_later(IDLE_SECONDS, connection.abort)

    def _forget(self, place: Place, connection: Connection) -> None:
        timer = self._closing.pop(connection, None)
        if timer is not None:
            timer.cancel()
            self._idle[place].remove(connection)


class Body(httpx2.AsyncByteStream):
    """The start of a body, for whoever reads it through the SDK: an error may be endless, or never come."""

    def __init__(self, below: Response) -> None:
        self._below = below

    async def __aiter__(self) -> AsyncIterator[bytes]:
        start = bytearray()

        def take(piece: bytes) -> None:
            start.extend(piece)
            if len(start) >= BODY_BYTES_MAX:
                self._below.close()

        try:
            async with asyncio.timeout(BODY_SECONDS):
                await self._below.pass_on(take)
        except OSError:
            # What came until here is what there is of it.
            self._below.close()
        yield bytes(start[:BODY_BYTES_MAX])

    async def aclose(self) -> None:
        self._below.close()


def answer(below: Response, request: httpx2.Request) -> httpx2.Response:
    """As the SDK knows one."""
    return httpx2.Response(below.status, headers=below.headers, stream=Body(below), request=request)


# One question to a model is like the next, but for its body.
@lru_cache(maxsize=HEADS_MAX)
def _head(method: str, url: str, headers: tuple[tuple[str, str], ...]) -> tuple[Place, bytes]:
    """Whom to ask, and the lines above a body, whose length is still to be said."""
    parts = urlsplit(url)
    place = Place.of(parts)
    proxy = proxy_for(place) if place.scheme == "http" else None
    host = parts.netloc.rpartition("@")[2]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{name}: {value}" for name, value in headers if name.lower() not in HOP_HEADERS]
    if proxy:
        target = f"http://{host}{target}"
        if proxy.authorization:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
    head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines]
    if any("\r" in line or "\n" in line for line in head):
        raise ValueError("a line of the question is two")
    known = "\r\n".join(head).encode("latin-1").replace(b"%", b"%%")
    return place, known + b"\r\nContent-Length: %d\r\n\r\n"
