"""Callers with bad manners: bytes on a socket, sent as no client library would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState

from app.edge.wire import GuardedProtocol
from tests.fakes.loop import FakeLoop, FakeTimer
from tests.waiting import eventually

MEBIBYTE = 1024 * 1024


class Hurried(GuardedProtocol):
    """As guarded as the real one, for a test that has no time."""

    head_seconds_max = 0.4
    body_seconds_max = 0.8
    take_seconds_max = 0.5


@asynccontextmanager
async def listening(app: Starlette, protocol: type[GuardedProtocol] = GuardedProtocol) -> AsyncIterator[int]:
    """The port that this protocol answers on."""
    config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0, backlog=1024)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for connection in list(state.connections):
        connection.transport.abort()
    await eventually(lambda: not state.connections and not state.tasks)


class Clockwork(FakeLoop):
    """Its timers are the test's, its tasks those of the loop that runs."""

    def call_later(self, seconds: float, callback: Callable[..., object], *words: object) -> FakeTimer:
        return self.call_at(self.time() + seconds, partial(callback, *words))

    def create_task(self, work: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work, **more)


def unserved(app: Starlette, protocol: type[GuardedProtocol], clock: Clockwork) -> GuardedProtocol:
    """For a line that the test holds in its own hand, and its time."""
    config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, access_log=False)
    config.load()
    return protocol(config, ServerState(), {}, cast(asyncio.AbstractEventLoop, clock))


def head(*lines: str, method: str = "POST", path: str = "/api/measure") -> bytes:
    start = f"{method} {path} HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n"
    return (start + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


async def say(port: int, parts: Iterable[bytes], pause_seconds: float = 0) -> bytes:
    """Sends part by part until it is hung up on, and gives what was answered by then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answering = asyncio.create_task(_all(reader))
    try:
        for part in parts:
            if answering.done():
                break
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_seconds)
    except ConnectionError:
        pass
    answer = await answering
    # What the other side did not take before it hung up is not to be waited for.
    writer.transport.abort()
    return answer


async def _all(reader: asyncio.StreamReader) -> bytes:
    found = b""
    try:
        while part := await reader.read(65_536):
            found += part
    except ConnectionError:
        pass
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0
