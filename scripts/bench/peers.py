"""What Prome is measured beside, each a bare ASGI app on the same uvicorn with the same loop and parser.

Run by the benchmark as `python -m scripts.bench.peers NAME PORT UPSTREAM_PORT`.

- floor: writes ready-made frames and asks nobody; no server on this uvicorn can do less.
- relay: hands the upstream's bytes on as they come, through aiohttp, and looks at none of them.
- obvious: what one writes first: the SDK's stream, sse-starlette, and one JSON object a token.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import aiohttp
import openai
import uvicorn
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from scripts.bench.wire import ordered

PATH = "/v1/chat/completions"
FRAME = b'id: 7\nevent: answer\ndata: {"content":"%s","finished":false}\n\n'
STREAM = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}


def floor(_upstream: str) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        order = ordered((await receive())["body"])
        frame = FRAME % order.mark
        await send(STREAM)
        for _ in range(order.tokens):
            await send({"type": "http.response.body", "body": frame, "more_body": True})
            if order.gap_ms:
                await asyncio.sleep(order.gap_ms / 1000)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


def relay(upstream: str) -> ASGIApp:
    sessions: list[aiohttp.ClientSession] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        body = (await receive())["body"]
        async with sessions[0].post(upstream + PATH, data=body) as answer:
            await send(STREAM)
            async for piece in answer.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


def obvious(upstream: str) -> ASGIApp:
    client = openai.AsyncOpenAI(base_url=upstream + "/v1", api_key="none")

    async def chat(request: Request) -> Response:
        asked = await request.json()

        async def events() -> AsyncIterator[dict[str, str]]:
            stream = await client.chat.completions.create(model=asked["model"], messages=asked["messages"], stream=True)
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    data = json.dumps({"content": chunk.choices[0].delta.content, "finished": False})
                    yield {"event": "answer", "data": data}

        return EventSourceResponse(events())

    return Starlette(routes=[Route(PATH, chat, methods=["POST"])])


PEERS = {"floor": floor, "relay": relay, "obvious": obvious}


def main(name: str, port: str, upstream_port: str) -> None:
    uvicorn.run(
        PEERS[name](f"http://127.0.0.1:{upstream_port}"),
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=30,
        backlog=4096,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
