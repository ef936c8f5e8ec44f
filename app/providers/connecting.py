"""The way to an upstream: its addresses, encryption, and the environment's proxies."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, cast
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohappyeyeballs
import httpx2
from aiohappyeyeballs import AddrInfoType

from app.providers.connection import HEAD_BYTES_MAX, Connection, NoHttp, Unanswered

CONNECT_SECONDS = 10
# When the first address of a name keeps silent for so long, the second is tried as well.
NEXT_ADDRESS_SECONDS = 0.25
ADDRESSES_KEPT_SECONDS = 10
PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """What a connection leads to, whoever stands between."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: SplitResult) -> Place:
        if url.scheme not in PORTS or not url.hostname:
            raise ValueError("this is no address of an upstream")
        return cls(url.scheme, url.hostname, url.port or PORTS[url.scheme])


class Proxy(NamedTuple):
    host: str
    port: int
    # What its header says of who we are; empty where it does not ask.
    authorization: str


class Ways:
    """Of one transport, which looks up a name once in a while and not for every connection."""

    def __init__(self, encrypts: ssl.SSLContext | None) -> None:
        """Without a context of its own it trusts whom this machine trusts."""
        self._encrypts = encrypts or certificates()
        self._addresses: dict[tuple[str, int], tuple[float, Sequence[AddrInfoType]]] = {}

    async def connect(self, place: Place, make: Callable[[], Connection]) -> Connection:
        proxy, loop = proxy_for(place), asyncio.get_running_loop()
        encrypts = self._encrypts if place.scheme == "https" else None
        async with asyncio.timeout(CONNECT_SECONDS):
            reached = await self._reach(*(proxy[:2] if proxy else place[1:]))
            if not encrypts:
                return (await loop.create_connection(make, sock=reached))[1]
            if proxy:
                return await _encrypted(await _tunnel(reached, place, proxy), make(), encrypts, place.host)
            return (await loop.create_connection(make, sock=reached, ssl=encrypts, server_hostname=place.host))[1]

    async def _reach(self, host: str, port: int) -> socket.socket:
        found = await self._found(host, port)
        return await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1)

    async def _found(self, host: str, port: int) -> Sequence[AddrInfoType]:
        loop = asyncio.get_running_loop()
        kept_until, known = self._addresses.get((host, port), (0.0, ()))
        if loop.time() < kept_until:
            return known
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self._addresses[host, port] = loop.time() + ADDRESSES_KEPT_SECONDS, found
        return found


class Tunnel(asyncio.Protocol):
    """The words with a proxy, until it has connected us."""

    def __init__(self) -> None:
        self._said = bytearray()
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._said += data
        if self.answered.done():
            return
        if self._said.endswith(b"\r\n\r\n"):
            if self._said.split(b" ", 2)[1:2] == [b"200"]:
                self.answered.set_result(None)
            else:
                self.answered.set_exception(Unanswered("the proxy leads nowhere"))
        elif len(self._said) > HEAD_BYTES_MAX:
            self.answered.set_exception(NoHttp("the proxy's answer has no end"))

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.answered.done():
            self.answered.set_exception(Unanswered("the proxy hung up"))


async def _tunnel(reached: socket.socket, place: Place, proxy: Proxy) -> asyncio.Transport:
    transport, tunnel = await asyncio.get_running_loop().create_connection(Tunnel, sock=reached)
    target = f"[{place.host}]:{place.port}" if ":" in place.host else f"{place.host}:{place.port}"
    who = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    transport.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{who}\r\n".encode("ascii"))
    try:
        await tunnel.answered
    except BaseException:
        transport.abort()
        raise
    return transport


async def _encrypted(
    tunnel: asyncio.Transport, connection: Connection, encrypts: ssl.SSLContext, host: str
) -> Connection:
    loop = asyncio.get_running_loop()
    try:
        transport = await loop.start_tls(tunnel, connection, encrypts, server_hostname=host)
    except BaseException:
        tunnel.abort()
        raise
    connection.connection_made(cast(asyncio.Transport, transport))
    return connection


@cache
def proxy_for(place: Place) -> Proxy | None:
    """The environment's, where it names one. Only plain ones are known, which are nearly all."""
    url = urlsplit(getproxies().get(place.scheme) or "")
    if not url.hostname or proxy_bypass(place.host):
        return None
    if url.scheme != "http":
        raise ValueError("a proxy is reached by http://")
    user = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    authorization = f"Basic {base64.b64encode(user.encode()).decode()}" if url.username else ""
    return Proxy(url.hostname, url.port or PORTS["http"], authorization)


@cache
def certificates() -> ssl.SSLContext:
    """Read once, and not while somebody waits: it takes longer than all the rest of a question."""
    return httpx2.create_ssl_context()
