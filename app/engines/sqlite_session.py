"""One connection to a SQLite file: how it is opened, how values go in and out, and what its errors mean to us."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import aiosqlite

from app.engines.session import ConstraintViolated, DatabaseUnavailable, Listener, Row, Session

# Without recursive triggers, INSERT OR REPLACE would delete history without asking the triggers that guard it.
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "cache_size=-16384")
# As many texts of SQL as a server has in use; each is kept prepared by its connection.
STATEMENTS_MAX = 512
PLACE = re.compile(r"\$(\d+)")
LOCK = re.compile(r"FOR NO KEY UPDATE( OF \w+)?( SKIP LOCKED)?")
ONLY_READS = "This connection only reads; write inside `db.begin()`."
OUT_OF_REACH = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


def to_text(moment: datetime) -> str:
    """One fixed width, so that the order of the texts is the order of the times."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"


# The type names are ours alone, so the converters of other users of sqlite3 in this process are left as they were.
sqlite3.register_adapter(datetime, to_text)
sqlite3.register_converter("TIMESTAMPTZ", lambda text: datetime.fromisoformat(text.decode()))
sqlite3.register_converter("BOOLEAN", lambda number: number != b"0")


class SqliteSession(Session):
    def __init__(self, raw: sqlite3.Connection, listener: Listener) -> None:
        super().__init__(listener)
        self._raw = raw

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        return execute(self._raw, sql, values).fetchall()

    async def row(self, sql: str, *values: Any) -> Row | None:
        found: Row | None = execute(self._raw, sql, values).fetchone()
        return found

    async def run(self, sql: str, *values: Any) -> int:
        return execute(self._raw, sql, values).rowcount


class GlanceSession(SqliteSession):
    """The same on a connection that only reads."""

    async def run(self, sql: str, *values: Any) -> int:
        raise ConstraintViolated(ONLY_READS)


class ReadSession(Session):
    """One with a thread of its own, because a search may take its time."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        super().__init__()
        self._connection = connection

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        try:
            return list(await self._connection.execute_fetchall(for_sqlite(sql), values))
        except sqlite3.Error as error:
            raise translated(error) from error

    async def run(self, sql: str, *values: Any) -> int:
        raise ConstraintViolated(ONLY_READS)


def connect(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(
        path,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
        detect_types=sqlite3.PARSE_DECLTYPES,
        cached_statements=STATEMENTS_MAX,
    )
    raw.row_factory = sqlite3.Row
    raw.create_function("now", 0, lambda: to_text(datetime.now(UTC)))
    raw.create_function("utc_day", 1, lambda text: text[:10], deterministic=True)
    for pragma in PRAGMAS:
        raw.execute(f"PRAGMA {pragma}")
    return raw


def execute(raw: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> sqlite3.Cursor:
    try:
        return raw.execute(for_sqlite(sql), values)
    except sqlite3.Error as error:
        raise translated(error) from error


@lru_cache(maxsize=STATEMENTS_MAX)
def for_sqlite(sql: str) -> str:
    """One text serves both engines. `$1` is a place on Postgres and a name on SQLite, where a place is `?1`; and on
    SQLite a unit is alone, so there are no rows to lock.
    """
    return PLACE.sub(r"?\1", LOCK.sub("", sql))


def translated(error: sqlite3.Error) -> Exception:
    if isinstance(error, sqlite3.IntegrityError):
        return ConstraintViolated(str(error))
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return DatabaseUnavailable() if code in OUT_OF_REACH else error
