"""Ports for servers that are told where to listen, as those of operators are.

One that the system lends for a moment may be lent to somebody else before the server has come up, and then a test talks
to the server of another. So each process of the tests has some to itself, below those that the system lends.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from typing import IO

FIRST, BLOCKS, PORTS = 20_000, 100, 100
_next = count()
_kept: list[IO[str]] = []


def free_port() -> int:
    """The one that was used longest ago and that nobody listens on."""
    for _ in range(PORTS):
        port = FIRST + _block() * PORTS + next(_next) % PORTS
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("Somebody else listens on all ports of the tests.")


@cache
def _block() -> int:
    """Ours for as long as this process lives."""
    folder = Path(tempfile.gettempdir()) / f"prome-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for block in range(BLOCKS):
        file = (folder / str(block)).open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            _kept.append(file)
            return block
    raise AssertionError("Very many tests are running on this machine.")
