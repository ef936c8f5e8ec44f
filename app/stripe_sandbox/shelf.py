"""Where the till keeps its things: one table of JSON, in a file or in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

Thing = dict[str, Any]
TABLE = """
    CREATE TABLE IF NOT EXISTS thing (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL
    )"""
INDEX = "CREATE INDEX IF NOT EXISTS thing_kind ON thing (kind, number)"
PUT = """
    INSERT INTO thing (id, kind, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"""


class Shelf:
    """Nothing is remembered between two looks, so that several processes may share one file."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._depth = path, 0

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        """Opened at the first use: to build a till writes nothing."""
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path or ":memory:", isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA busy_timeout = 5000", TABLE, INDEX):
            connection.execute(statement)
        return connection

    def put(self, kind: str, thing: Thing) -> Thing:
        self._connection.execute(PUT, (thing["id"], kind, orjson.dumps(thing).decode()))
        return thing

    def find(self, identifier: str, kind: str = "") -> Thing | None:
        row = self._connection.execute("SELECT kind, body FROM thing WHERE id = ?", (identifier,)).fetchone()
        return orjson.loads(row[1]) if row and kind in ("", row[0]) else None

    def newest_first(self, kind: str) -> Iterator[Thing]:
        query = "SELECT body FROM thing WHERE kind = ? ORDER BY number DESC"
        for (body,) in self._connection.execute(query, (kind,)).fetchall():
            yield orjson.loads(body)

    @contextmanager
    def change(self) -> Iterator[None]:
        """All of it or nothing; a change inside a change is a part of it."""
        self._depth += 1
        try:
            if self._depth == 1:
                self._connection.execute("BEGIN IMMEDIATE")
            yield
        except BaseException:
            if self._depth == 1:
                self._connection.execute("ROLLBACK")
            raise
        else:
            if self._depth == 1:
                self._connection.execute("COMMIT")
        finally:
            self._depth -= 1

    def close(self) -> None:
        self._connection.close()
