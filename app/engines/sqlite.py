"""SQLite: one writer that commits waiting units together, and readers that never wait for it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiosqlite

from app.engines.group_commit import Writer
from app.engines.session import Listener, Result, Session, Work, nobody
from app.engines.sqlite_session import GlanceSession, ReadSession, connect

READERS = 4


class DatabaseInUse(Exception):
    """Two servers on one SQLite file would each believe that they own the running replies."""


class SqliteEngine:
    kind = "sqlite"

    def __init__(self, path: str, listener: Listener) -> None:
        self._path, self._listener = Path(path), listener
        self._lock_file: int | None = None
        self._open: list[aiosqlite.Connection] = []

    async def open(self, *, exclusive: bool) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if exclusive:
            self._lock()
        raw, self._glancing = self._writing(), self._reading()
        self._writer = Writer(raw, await self._on_a_thread(raw), self._listener)
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for _ in range(READERS):
            self._readers.put_nowait(await self._on_a_thread(self._reading()))

    def begin(self) -> AbstractAsyncContextManager[Session]:
        return self._writer.unit()

    def begin_apart(self) -> AbstractAsyncContextManager[Session]:
        return self.begin()

    async def in_step(self, work: Work[Result], _person: str) -> Result:
        async with self.begin() as session:
            return await work(session)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        connection = await self._readers.get()
        try:
            yield ReadSession(connection)
        finally:
            self._readers.put_nowait(connection)

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Session]:
        """A statement is over before anybody else has a turn, so one connection is enough for all."""
        yield GlanceSession(self._glancing, nobody)

    def break_off(self) -> None:
        """A file on our own disk answers."""

    async def close(self) -> None:
        if self._open:
            await self._writer.settled()
            self._glancing.close()
        for connection in self._open:
            await connection.close()
        self._open.clear()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _writing(self) -> sqlite3.Connection:
        """A savepoint keeps each page as it was before; beyond 64 KiB, a few turns, that would go through a file."""
        raw = connect(self._path)
        raw.execute("PRAGMA temp_store=MEMORY")
        return raw

    def _reading(self) -> sqlite3.Connection:
        raw = connect(self._path)
        raw.execute("PRAGMA query_only=ON")
        return raw

    async def _on_a_thread(self, raw: sqlite3.Connection) -> aiosqlite.Connection:
        connection = await aiosqlite.Connection(lambda: raw, iter_chunk_size=64)
        self._open.append(connection)
        return connection

    def _lock(self) -> None:
        self._lock_file = os.open(f"{self._path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_file)
            self._lock_file = None
            raise DatabaseInUse(
                f"Another server already uses {self._path}. SQLite serves one server at a time."
            ) from None
