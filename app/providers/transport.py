"""Between the SDK, which knows how to ask, and aiohttp, which reads an answer with a tenth of the work.

The SDK's own bridge to aiohttp calls a server that hung up a time-out and keeps at most 100 connections; what is more,
it hides the response, and reading that one directly is what makes a token cheap. A question goes the short way as
well, by `send`: to put one together anew, the SDK takes longer than all the rest of a turn's start.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import cache
from io import BytesIO
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
from yarl import URL

CONNECT_SECONDS = 10
IDLE_SECONDS = 30
# Of an answer that is no stream, which is an error or a list of models.
BODY_BYTES_MAX = 65_536
BODY_SECONDS = 1


class Transport(httpx2.AsyncBaseTransport):
    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._certificates = _certificates()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = URL(str(request.url), encoded=True)
        return answer(await self.send(request.method, url, request.headers, request.content), request)

    async def send(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> aiohttp.ClientResponse:
        # Opened here, because a session belongs to the loop that it is opened on.
        self._session = self._session or _session(self._certificates)
        return await self._session.request(
            method,
            url,
            headers=headers,
            # Read from, and not handed over as bytes, because those are copied whole into the socket's buffer.
            data=BytesIO(body) if body else None,
            allow_redirects=False,
            proxy=_proxy(url.scheme, url.host or ""),
        )

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()


class Body(httpx2.AsyncByteStream):
    """The start of a body, for whoever reads it through the SDK: an error may be endless, or never come."""

    def __init__(self, below: aiohttp.ClientResponse) -> None:
        self._below = below

    async def __aiter__(self) -> AsyncIterator[bytes]:
        start = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while len(start) < BODY_BYTES_MAX and (piece := await self._below.content.readany()):
                    start += piece
        except (TimeoutError, aiohttp.ClientError):
            self._below.close()
        yield bytes(start[:BODY_BYTES_MAX])

    async def aclose(self) -> None:
        self._below.close()


def answer(below: aiohttp.ClientResponse, request: httpx2.Request) -> httpx2.Response:
    """As the SDK knows one."""
    return httpx2.Response(below.status, headers=below.raw_headers, stream=Body(below), request=request)


@cache
def _proxy(scheme: str, host: str) -> str | None:
    """The environment's. Looked up once, because aiohttp would ask a thread for it at every question."""
    return None if proxy_bypass(host) else getproxies().get(scheme)


@cache
def _certificates() -> ssl.SSLContext:
    """Read once, and not while somebody waits: it takes longer than all the rest of a question."""
    return httpx2.create_ssl_context()


def _session(certificates: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # How many replies run at once is decided where they start.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS, ssl=certificates),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )
