"""The bare drivers doing what the ledger does: the same statements, and no more around them than they need."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from app.db import as_moment
from app.engines.sqlite_session import connect, for_sqlite
from app.ids import new_id
from app.ledger.chain import Link, entry_hash
from app.ledger.ledger import TAKE_HOLD, WRITE_HOLD, WRITE_RESOLUTION
from app.ledger.posting import TAKE_ACCOUNT_OF_HOLD, WRITE_ENTRY

HELD, CHARGED = 10, 5
HOUR = timedelta(hours=1)


def new_hold(hold_id: str, user_id: str, at: Any) -> tuple[Any, ...]:
    return (hold_id, user_id, HELD, 0, HELD, 1000, 1000, "m", None, None, at, at + HOUR)


def resolution(hold_id: str, account: Any, user_id: str, at: Any) -> tuple[Any, ...]:
    return (
        hold_id,
        user_id,
        "settled",
        0,
        CHARGED,
        "bench",
        CHARGED,
        0,
        account["balance"] - CHARGED,
        at,
        None,
        1000,
        1000,
    )


def entry(hold_id: str, account: Any, user_id: str, at: Any) -> tuple[Any, ...]:
    after, sequence = account["balance"] - CHARGED, account["sequence"] + 1
    link = Link(user_id, sequence, "usage", -CHARGED, after, hold_id, at)
    return (new_id("ent"), *link, entry_hash(account["last_hash"], link))


class BareSqlite:
    """One connection, one COMMIT for each unit, nobody waits for anybody."""

    def __init__(self, path: Path) -> None:
        self.raw = connect(path)

    def row(self, sql: str, *values: Any) -> Any:
        return self.raw.execute(for_sqlite(sql), values).fetchone()

    async def pair(self, user_id: str, hold_id: str) -> None:
        self.raw.execute("BEGIN IMMEDIATE")
        at = as_moment(self.row(TAKE_HOLD, user_id, HELD, hold_id)["at"])
        self.row(WRITE_HOLD, *new_hold(hold_id, user_id, at))
        self.raw.execute("COMMIT")
        self.raw.execute("BEGIN IMMEDIATE")
        account = self.row(TAKE_ACCOUNT_OF_HOLD, hold_id)
        at = as_moment(account["at"])
        self.row(WRITE_RESOLUTION, *resolution(hold_id, account, user_id, at))
        self.row(WRITE_ENTRY, *entry(hold_id, account, user_id, at))
        self.raw.execute("COMMIT")

    async def close(self) -> None:
        self.raw.close()


class BarePostgres:
    """A connection for each client."""

    def __init__(self, connections: list[asyncpg.Connection]) -> None:
        self.connections = connections

    async def pair(self, client: int, user_id: str, hold_id: str) -> None:
        its = self.connections[client]
        async with its.transaction():
            at = (await its.fetchrow(TAKE_HOLD, user_id, HELD, hold_id))["at"]
            await its.execute(WRITE_HOLD, *new_hold(hold_id, user_id, at))
        async with its.transaction():
            account = await its.fetchrow(TAKE_ACCOUNT_OF_HOLD, hold_id)
            await its.execute(WRITE_RESOLUTION, *resolution(hold_id, account, user_id, account["at"]))
            await its.execute(WRITE_ENTRY, *entry(hold_id, account, user_id, account["at"]))

    async def close(self) -> None:
        for connection in self.connections:
            await connection.close()


def two_statements(raw: sqlite3.Connection, number: int) -> None:
    raw.execute("BEGIN IMMEDIATE")
    raw.execute(for_sqlite(INSERT_THING), (number,))
    raw.execute(COUNT_THING)
    raw.execute("COMMIT")


MAKE_THINGS = "CREATE TABLE things (id BIGINT NOT NULL PRIMARY KEY)"
MAKE_COUNT = "CREATE TABLE total (count BIGINT NOT NULL)"
FIRST_COUNT = "INSERT INTO total (count) VALUES (0)"
INSERT_THING = "INSERT INTO things (id) VALUES ($1)"
COUNT_THING = "UPDATE total SET count = count + 1"
