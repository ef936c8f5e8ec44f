"""Readers that are only a socket, so that thousands of them cost this side next to nothing."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import Sequence
from pathlib import Path

FEW_BYTES = 2048


def allow_open_files(number: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, most) if most > 0 else number, most))


async def opened(port: str, path: str, token: str, *, frozen: bool = False) -> socket.socket:
    """Past the head of the answer. One that is frozen takes as little as a socket can."""
    loop, line = asyncio.get_running_loop(), socket.socket()
    line.setblocking(False)
    if frozen:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, FEW_BYTES)
    await loop.sock_connect(line, ("127.0.0.1", int(port)))
    head = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    await loop.sock_sendall(line, head.encode())
    answer = await loop.sock_recv(line, 12)
    assert answer == b"HTTP/1.1 200", answer
    return line


async def all_opened(
    number: int, port: str, path: str, token: str, *, frozen: bool = False, at_once: int = 50
) -> list[socket.socket]:
    lines: list[socket.socket] = []
    while len(lines) < number:
        some = (opened(port, path, token, frozen=frozen) for _ in range(min(at_once, number - len(lines))))
        lines += await asyncio.gather(*some)
    return lines


def close_all(lines: Sequence[socket.socket]) -> None:
    for line in lines:
        line.close()


def resident_bytes(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(process: int) -> int:
    return len(os.listdir(f"/proc/{process}/fd"))
