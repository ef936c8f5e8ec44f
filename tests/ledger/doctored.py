"""Somebody with the keys to the machine: the guards are off, and rows can be changed by hand."""

from __future__ import annotations

from app.db import Database
from tests.ledger.books import TABLES, rows

# It guards nothing: without it no balance would move at all.
MOVER = "ledger_entries_move_their_account"


async def disarm(db: Database) -> None:
    async with db.begin() as session:
        if db.kind == "postgres":
            for table in TABLES:
                await session.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            await session.run(f"ALTER TABLE ledger_entries ENABLE TRIGGER {MOVER}")
        else:
            for row in await session.rows(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name <> $1", MOVER
            ):
                await session.run(f"DROP TRIGGER {row['name']}")


async def keep_still(db: Database) -> None:
    """Entries no longer move their accounts; the guards stay."""
    ways = {
        "sqlite": f"DROP TRIGGER {MOVER}",
        "postgres": f"ALTER TABLE ledger_entries DISABLE TRIGGER {MOVER}",
    }
    async with db.begin() as session:
        await session.run(ways[db.kind])


async def doctor(db: Database, sql: str, *values: object) -> None:
    """Exactly one row, or the test would look for damage that was never done."""
    async with db.begin() as session:
        assert await session.run(sql, *values) == 1


async def entry(db: Database, sequence: int) -> dict[str, object]:
    [row] = await rows(db, "SELECT * FROM ledger_entries WHERE sequence = $1", sequence)
    return dict(row)
