"""The head of an answer leaves with its first piece: in one write and, if there is room, in one packet."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class HeldHead:
    """Stands before a connection until an answer has begun. What is held longer than a turn of the loop goes alone."""

    __slots__ = ("_cycle", "_head", "_transport")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle, self._transport = cycle, cycle.transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        if self._head is None:
            self._head = data
            asyncio.get_running_loop().call_soon(self._let_go)
        else:
            self._let_go(data)

    def close(self) -> None:
        self._let_go()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _let_go(self, *body: bytes) -> None:
        head, self._head = self._head, None
        self._cycle.transport = self._transport
        if head is not None and not self._transport.is_closing():
            self._transport.writelines((head, *body))
