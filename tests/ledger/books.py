"""What the tests of the ledger share: how to look at all of it, and how to say what a reply may cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.db import Database, Row
from app.ledger import ledger
from app.ledger.ledger import Balance, Resolution, Terms
from app.ledger.rates import Rates

HOUR = timedelta(hours=1)
# In the order of their primary keys, so that the same rows are the same dump.
TABLES = {
    "ledger_accounts": "user_id",
    "ledger_entries": "user_id, sequence",
    "ledger_debts": "kind, reference",
    "holds": "id",
    "hold_resolutions": "hold_id",
}
# What differs from one run to the next although the same happened.
ACCIDENTAL = {"created_at", "expires_at", "hash", "last_hash"}
Dump = dict[str, list[dict[str, Any]]]


def terms(tokens: int = 10, *, prompt: int = 0, rates: Rates | None = None) -> Terms:
    return Terms(prompt, tokens - prompt, rates or Rates())


async def rows(db: Database, sql: str, *values: Any) -> list[Row]:
    async with db.read() as session:
        return await session.rows(sql, *values)


async def dump(db: Database) -> Dump:
    return {
        table: [dict(row) for row in await rows(db, f"SELECT * FROM {table} ORDER BY {TABLES[table]}")]
        for table in TABLES
    }


def essence(found: Dump) -> Dump:
    """The dump without ids of entries, times and hashes."""
    kept = {table: ACCIDENTAL | ({"id"} if table == "ledger_entries" else set()) for table in found}
    return {
        table: [{name: row[name] for name in row if name not in kept[table]} for row in found[table]] for table in found
    }


async def balance(db: Database, user_id: str) -> Balance:
    async with db.read() as session:
        return await ledger.balance(session, user_id)


async def credit(
    db: Database, user_id: str, tokens: int, *, kind: str = "purchase", reference: str = "a purchase"
) -> int:
    return await db.transact(lambda session: ledger.credit(session, user_id, tokens, kind=kind, reference=reference))


async def debit(db: Database, user_id: str, tokens: int, *, kind: str = "refund", reference: str = "a refund") -> int:
    return await db.transact(lambda session: ledger.debit(session, user_id, tokens, kind=kind, reference=reference))


async def hold(
    db: Database, user_id: str, hold_id: str = "hld_1", *, of: Terms | None = None, lifetime: timedelta = HOUR
) -> None:
    await db.transact(
        lambda session: ledger.hold(session, user_id, of or terms(), hold_id=hold_id, lifetime=lifetime), of=user_id
    )


async def settle(db: Database, hold_id: str = "hld_1", prompt: Any = 0, completion: Any = 0) -> Resolution:
    used = ledger.Used(prompt, completion, "provider")
    return await db.transact(lambda session: ledger.settle(session, hold_id, used))


async def release(db: Database, hold_id: str = "hld_1") -> Resolution:
    return await db.transact(lambda session: ledger.release(session, hold_id))
