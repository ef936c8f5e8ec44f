"""Servers that say word for word what a test wrote, and a proxy."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme

from tests.waiting import eventually, hang_up

HOST = "models.example"


@dataclass
class Heard:
    """What was said to a server, connection by connection."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: int = 0


@asynccontextmanager
async def saying(
    *answers: Sequence[bytes], encrypts: ssl.SSLContext | None = None, closes: bool = False
) -> AsyncIterator[Heard]:
    """To each question the pieces of the next answer, one write each; the last answer again and again."""
    heard = Heard()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        heard.open += 1
        try:
            while True:
                heard.heads.append(await reader.readuntil(b"\r\n\r\n"))
                for piece in answers[min(len(heard.heads), len(answers)) - 1]:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            await hang_up(writer)
            heard.open -= 1

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=encrypts)
    heard.port = server.sockets[0].getsockname()[1]
    async with server:
        yield heard
        await eventually(lambda: heard.open == 0)


@asynccontextmanager
async def proxy_to(port: int, answer: bytes = b"HTTP/1.1 200 Connected\r\n\r\n") -> AsyncIterator[Heard]:
    """Says this to whoever wants to be connected, and connects everybody to the same port."""
    heard = Heard()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
        await hang_up(writer)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        heard.open += 1
        heard.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if b" 200 " in answer:
            inner, outer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, outer), pump(inner, writer), return_exceptions=True)
        await hang_up(writer)
        heard.open -= 1

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    heard.port = server.sockets[0].getsockname()[1]
    async with server:
        yield heard
        await eventually(lambda: heard.open == 0)


def certified(name: str = HOST) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A context for a server of that name, and one that trusts it."""
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    return server, client
