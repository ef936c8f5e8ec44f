"""No request is larger or slower than we can bear: the body is counted while it is read."""

from __future__ import annotations

import asyncio
from math import inf

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.edge import errors
from app.errors import AppError

BODY_BYTES_MAX = 1024 * 1024
BODY_SECONDS_MAX = 13.0
HANG_UP = {"Connection": "close"}


class BodyTooLarge(AppError):
    status, code, message = 413, "body_too_large", "At most {bytesMax} bytes can be sent at once."


class BodyTooSlow(AppError):
    status, code, message = 408, "body_too_slow", "The rest of the request did not arrive in time."


class BodyLimit:
    def __init__(self, app: ASGIApp, bytes_max: int = BODY_BYTES_MAX, seconds_max: float = BODY_SECONDS_MAX) -> None:
        self.app, self.bytes_max, self.seconds_max = app, bytes_max, seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _announced_bytes(scope) > self.bytes_max:
            await errors.render(Request(scope), self.too_large(scope))(scope, receive, send)
            return
        await self.app(scope, Counted(receive, self, scope).receive, send)

    def too_large(self, scope: Scope) -> BodyTooLarge:
        """The connection stays, and what is left of the body is read by nobody: to whoever reads an answer only once
        all is sent, one that closes is no answer. Who asked first whether to send may not send at all.
        """
        return BodyTooLarge(bytesMax=self.bytes_max, headers=HANG_UP if "expect" in Headers(scope=scope) else {})


def _announced_bytes(scope: Scope) -> float:
    """What is no number, or one too long to be read as one, is more than anybody may send."""
    announced = Headers(scope=scope).get("content-length", "0")
    return int(announced) if announced.isdecimal() and len(announced) < 20 else inf


class Counted:
    def __init__(self, receive: Receive, limit: BodyLimit, scope: Scope) -> None:
        self._receive, self._limit, self._scope = receive, limit, scope
        self._bytes, self._whole = 0, False
        self._deadline = asyncio.get_running_loop().time() + limit.seconds_max

    async def receive(self) -> Message:
        """Once the body is whole, this waits for the caller to leave, for as long as that takes."""
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlow(headers=HANG_UP) from None
        self._bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._bytes > self._limit.bytes_max:
            raise self._limit.too_large(self._scope)
        return message
