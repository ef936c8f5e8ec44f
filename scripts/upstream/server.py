"""The server: one protocol object a connection, one task a question."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from socket import socket
from typing import cast

from scripts.upstream import frames
from scripts.upstream.call import Call
from scripts.upstream.faults import FAULTS, REFUSE
from scripts.upstream.requests import Request, take
from scripts.upstream.seen import Seen

MODELS = ("fake", "echo")
BY_MODEL = "fault-"


@dataclass(frozen=True)
class Options:
    fault: str | None = None
    # How long a reply is, and the pause after each token.
    tokens: int = 16
    gap_seconds: float = 0.0

    def fault_of(self, request: Request) -> str | None:
        model = request.model
        named = model.removeprefix(BY_MODEL) if model.startswith(BY_MODEL) else None
        return request.headers.get("x-fault") or named or self.fault


@dataclass
class Upstream:
    options: Options = field(default_factory=Options)
    seen: Seen = field(default_factory=Seen)
    _server: asyncio.Server | None = None
    _port: socket | None = None
    connections: set[Connection] = field(default_factory=set)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """The base URL to give to a client."""
        if self.options.fault == REFUSE:
            # Bound and not listening: nobody else gets this port, and whoever knocks is refused.
            self._port = socket()
            self._port.bind((host, port))
            return f"http://{host}:{self._port.getsockname()[1]}/v1"
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port, backlog=4096)
        return f"http://{host}:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        if self._port:
            self._port.close()
        if self._server:
            self._server.close()
        tasks = [connection.stop() for connection in list(self.connections)]
        await asyncio.gather(*(task for task in tasks if task), return_exceptions=True)


class Connection(asyncio.Protocol):
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._buffer = bytearray()
        self._call: Call | None = None
        self._answering: asyncio.Task[None] | None = None
        self._asked_before = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's class, and can do the same.
        self._transport = cast(asyncio.Transport, transport)
        self._upstream.seen.connections += 1
        self._upstream.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._answering is None and (request := take(self._buffer)):
            self._answering = asyncio.get_running_loop().create_task(self._answer(request))
            self._answering.add_done_callback(self._answered)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._upstream.connections.discard(self)
        if self._call:
            self._call.record.end("hung_up")
        if self._answering:
            self._answering.cancel()

    def pause_writing(self) -> None:
        if self._call:
            self._call.pause()

    def resume_writing(self) -> None:
        if self._call:
            self._call.resume()

    def stop(self) -> asyncio.Task[None] | None:
        answering = self._answering
        if answering:
            answering.cancel()
        self._transport.abort()
        return answering

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._call = self._answering = None
        self._asked_before = True
        if not task.cancelled() and (error := task.exception()):
            self._transport.abort()
            raise error
        if self._buffer:
            self.data_received(b"")

    async def _answer(self, request: Request) -> None:
        upstream = self._upstream
        if request.path == "/_seen":
            await self._tell(request, upstream.seen.as_dict())
        elif request.path.endswith("/chat/completions"):
            await self._reply(request)
        elif request.path.endswith("/models"):
            await self._list(request)
        else:
            await self._tell(request, {"error": {"message": "no such path"}}, 404)

    async def _reply(self, request: Request) -> None:
        upstream, fault = self._upstream, self._upstream.options.fault_of(request)
        record = upstream.seen.call(request.model, fault or "", request.body, request.headers)
        self._call = call = Call(request, record, self._transport)
        call.asked_before_here = self._asked_before
        call.is_first_of_its_fault = upstream.seen.is_first(record.fault)
        if fault is None:
            await reply(call, upstream.options)
        elif fault in FAULTS:
            await FAULTS[fault](call)
        else:
            await call.error(404, f"there is no fault called {fault}")

    async def _list(self, request: Request) -> None:
        """A server that is broken as a whole is so here too; what is special to streams is not."""
        fault = self._upstream.options.fault
        if fault and fault[0] in "45":
            await FAULTS[fault](self._uncounted(request))
        elif fault == "stall_before_headers":
            await asyncio.Event().wait()
        else:
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "fake"} for name in MODELS]
            await self._tell(request, {"object": "list", "data": models})

    async def _tell(self, request: Request, body: object, status: int = 200) -> None:
        await self._uncounted(request).json(body, status)

    def _uncounted(self, request: Request) -> Call:
        return Call(request, Seen().call("", "", {}, {}), self._transport)


async def reply(call: Call, options: Options) -> None:
    """A good one: so many tokens, or the last message again word by word for the model `echo`."""
    said = _echo(call.request) if call.model == "echo" else frames.words(options.tokens)
    tokens = min(len(said), call.request.tokens_max(len(said)))
    reason = "stop" if tokens == len(said) else "length"
    if not call.request.body.get("stream"):
        await call.json(frames.completion(call.model, "".join(said[:tokens]), reason, tokens))
    elif options.gap_seconds or call.model == "echo":
        await call.open()
        for word in said[:tokens]:
            await call.say([word])
            await asyncio.sleep(options.gap_seconds)
        await call.finish(tokens, reason)
    else:
        await call.head()
        await call.write(frames.whole_reply(call.model, tokens, reason, with_usage=call.wants_usage))
        call.record.end("finished")


def _echo(request: Request) -> list[str]:
    messages = request.body.get("messages") or [{}]
    text = str(messages[-1].get("content", ""))
    return [word if not number else f" {word}" for number, word in enumerate(text.split(" "))]
