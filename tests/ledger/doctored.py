"""Somebody with the keys to the machine: the guards are off, and rows can be changed by hand."""

from __future__ import annotations

from app.db import Database
from tests.ledger.books import TABLES, rows


async def disarm(db: Database) -> None:
    async with db.begin() as session:
        if db.kind == "postgres":
            for table in TABLES:
                await session.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        else:
            for row in await session.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                await session.run(f"DROP TRIGGER {row['name']}")


async def doctor(db: Database, sql: str, *values: object) -> None:
    """Exactly one row, or the test would look for damage that was never done."""
    async with db.begin() as session:
        assert await session.run(sql, *values) == 1


async def entry(db: Database, sequence: int) -> dict[str, object]:
    [row] = await rows(db, "SELECT * FROM ledger_entries WHERE sequence = $1", sequence)
    return dict(row)
