"""L10: the database itself refuses to change what was written, for every table of history and every way to do it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from app.db import ConstraintViolated, Database
from app.ledger import ledger
from app.ledger.chain import BEGINNING
from tests.ledger.books import TABLES, credit, debit, dump, hold, rows, settle, terms
from tests.ledger.conftest import person

HISTORY = [table for table in TABLES if table != "ledger_accounts"]
# A person has no account yet, so that one can be begun wrongly.
WRONG_ACCOUNT = "INSERT INTO ledger_accounts (user_id, balance, held, owed, sequence, last_hash) VALUES ($1, {}, $2)"
WRONG_ENTRY = """
INSERT INTO ledger_entries (id, user_id, sequence, kind, tokens, balance_after, reference, created_at, hash)
SELECT 'ent_wrong', user_id, {sequence}, '{kind}', {tokens}, {balance_after}, 'wrong', now(), 'h'
FROM ledger_accounts WHERE user_id = $1
"""
RIGHT = {"sequence": "sequence + 1", "kind": "purchase", "tokens": "5", "balance_after": "balance + 5"}
WRONG = {
    "skips a number": {"sequence": "sequence + 2"},
    "takes a number again": {"sequence": "sequence"},
    "begins again": {"sequence": "1"},
    "does not add up": {"balance_after": "balance + 6"},
    "moves nothing": {"tokens": "0", "balance_after": "balance"},
    "goes below zero": {"tokens": "-balance - 1", "balance_after": "-1"},
    "is of no known kind": {"kind": "gift"},
}
# By table a row that is accepted, and what in it is not: a value that could only be a mistake of ours.
ROWS: dict[str, dict[str, str]] = {
    "holds": {
        "id": "'hld_new'",
        "user_id": "$1",
        "tokens": "5",
        "prompt_tokens": "0",
        "max_tokens": "0",
        "input_rate": "0",
        "output_rate": "0",
        "model": "''",
        "created_at": "now()",
        "expires_at": "now()",
    },
    "hold_resolutions": {
        "hold_id": "'hld_open'",
        "user_id": "$1",
        "outcome": "'settled'",
        "prompt_tokens": "0",
        "completion_tokens": "0",
        "counted_by": "''",
        "charged": "0",
        "surplus": "0",
        "balance_after": "0",
        "created_at": "now()",
    },
    "ledger_debts": {
        "kind": "'refund'",
        "reference": "'new'",
        "user_id": "$1",
        "tokens": "5",
        "created_at": "now()",
    },
}
WRONG_VALUES = [
    ("holds", "id", "'hld_ended'"),
    ("holds", "user_id", "$1 || 'x'"),
    ("holds", "tokens", "0"),
    ("holds", "prompt_tokens", "-1"),
    ("holds", "max_tokens", "-1"),
    ("holds", "input_rate", "-1"),
    ("holds", "output_rate", "-1"),
    ("hold_resolutions", "hold_id", "'hld_ended'"),
    ("hold_resolutions", "hold_id", "'hld_of_nobody'"),
    ("hold_resolutions", "outcome", "'lost'"),
    ("hold_resolutions", "prompt_tokens", "-1"),
    ("hold_resolutions", "completion_tokens", "-1"),
    ("hold_resolutions", "charged", "-1"),
    ("hold_resolutions", "surplus", "-1"),
    ("ledger_debts", "reference", "'a refund'"),
    ("ledger_debts", "user_id", "$1 || 'x'"),
    ("ledger_debts", "tokens", "0"),
]


@pytest_asyncio.fixture
async def ann(db: Database) -> str:
    """Something of everything: entries, a debt, an open hold and one that ended."""
    ann = await person(db, "ann", 100)
    await hold(db, ann, "hld_open", of=terms(10))
    await hold(db, ann, "hld_ended", of=terms(10))
    await settle(db, "hld_ended", completion=4)
    await debit(db, ann, 200)
    await credit(db, ann, 500)
    return ann


@asynccontextmanager
async def refused(db: Database) -> AsyncIterator[None]:
    before = await dump(db)
    with pytest.raises(ConstraintViolated):
        yield
    assert await dump(db) == before


async def attempt(db: Database, sql: str, *values: object) -> None:
    async with db.begin() as session:
        await session.run(sql, *values)


@pytest.mark.parametrize("table", HISTORY)
async def test_no_column_of_history_can_be_changed(db: Database, ann: str, table: str) -> None:
    [row, *_] = await rows(db, f"SELECT * FROM {table}")

    for column in row.keys():  # noqa: SIM118 - a row iterates over its values.
        async with refused(db):
            await attempt(db, f"UPDATE {table} SET {column} = {column}")


@pytest.mark.parametrize("table", TABLES)
async def test_no_row_can_be_removed(db: Database, ann: str, table: str) -> None:
    assert await rows(db, f"SELECT * FROM {table}") != []

    async with refused(db):
        await attempt(db, f"DELETE FROM {table}")


@pytest.mark.parametrize("table", TABLES)
async def test_no_table_can_be_emptied_or_its_rows_replaced(db: Database, ann: str, table: str) -> None:
    ways = {"sqlite": f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}", "postgres": f"TRUNCATE {table} CASCADE"}

    async with refused(db):
        await attempt(db, ways[db.kind])


@pytest.mark.parametrize("table", HISTORY)
async def test_an_update_that_replaces_is_refused_too(db: Database, ann: str, table: str) -> None:
    replacing = "OR REPLACE" if db.kind == "sqlite" else ""

    async with refused(db):
        await attempt(db, f"UPDATE {replacing} {table} SET user_id = user_id")


@pytest.mark.parametrize(
    "change", ["balance = balance + 1", "balance = 0", "sequence = sequence + 1", "last_hash = 'x'"]
)
async def test_a_balance_does_not_move_without_its_entry(db: Database, ann: str, change: str) -> None:
    async with refused(db):
        await attempt(db, f"UPDATE ledger_accounts SET {change} WHERE user_id = $1", ann)


@pytest.mark.parametrize("change", ["held = -1", "held = balance + 1", "owed = -1"])
async def test_no_account_gets_out_of_bounds(db: Database, ann: str, change: str) -> None:
    async with refused(db):
        await attempt(db, f"UPDATE ledger_accounts SET {change} WHERE user_id = $1", ann)


async def test_an_account_is_not_handed_to_somebody_else(db: Database, ann: str) -> None:
    bob, carl = await without_account(db, "bob"), await without_account(db, "carl")
    async with db.begin() as session:
        await ledger.open_account(session, bob)

    for owner in (ann, bob):
        async with refused(db):
            await attempt(db, "UPDATE ledger_accounts SET user_id = $2 WHERE user_id = $1", owner, carl)


@pytest.mark.parametrize("beginning", ["5, 0, 0, 0", "0, 0, 5, 0", "0, 0, 0, 1", "5, 5, 0, 0"])
async def test_an_account_begins_empty(db: Database, ann: str, beginning: str) -> None:
    bob = await without_account(db)

    async with refused(db):
        await attempt(db, WRONG_ACCOUNT.format(beginning), bob, BEGINNING)


async def test_not_even_an_account_without_history_can_be_removed(db: Database, ann: str) -> None:
    bob = await without_account(db)
    async with db.begin() as session:
        await ledger.open_account(session, bob)

    async with refused(db):
        await attempt(db, "DELETE FROM ledger_accounts WHERE user_id = $1", bob)


@pytest.mark.parametrize(("table", "column", "value"), WRONG_VALUES)
async def test_a_row_with_a_wrong_value_is_refused(db: Database, ann: str, table: str, column: str, value: str) -> None:
    async with refused(db):
        await attempt(db, insert(table, ROWS[table] | {column: value}), ann)


@pytest.mark.parametrize("table", ROWS)
async def test_the_right_row_is_not_what_was_refused(db: Database, ann: str, table: str) -> None:
    """Or the test above would prove nothing; it is undone, because nothing else goes with it."""
    async with db.begin() as session:
        await session.run("SAVEPOINT here")
        written = await session.run(insert(table, ROWS[table]), ann)
        await session.run("ROLLBACK TO here")

    assert written == 1


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_entry_is_refused(db: Database, ann: str, wrong: dict[str, str]) -> None:
    async with refused(db):
        await attempt(db, WRONG_ENTRY.format(**(RIGHT | wrong)), ann)


async def test_the_right_entry_is_not_what_was_refused(db: Database, ann: str) -> None:
    """Or the test above would prove nothing; it is undone, because no balance follows it."""
    async with db.begin() as session:
        await session.run("SAVEPOINT here")
        written = await session.run(WRONG_ENTRY.format(**RIGHT), ann)
        await session.run("ROLLBACK TO here")

    assert written == 1


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("ledger_entries", "user_id, sequence"),
        ("ledger_entries", "kind, reference"),
        ("ledger_debts", "kind, reference"),
        ("hold_resolutions", "hold_id"),
    ],
)
async def test_nothing_happens_twice_even_where_the_guards_are_off(
    doctored: Database, table: str, columns: str
) -> None:
    [row, *_] = [dict(row) for row in await rows(doctored, f"SELECT * FROM {table}")]
    kept = {*columns.split(", "), "user_id", "kind"}
    changed = {"id": "ent_new", "reference": "new", "hold_id": "hld_open", "sequence": 99}
    again = row | {name: value for name, value in changed.items() if name in row and name not in kept}
    places = ", ".join(f"${number}" for number in range(1, len(again) + 1))

    with pytest.raises(ConstraintViolated, match=r"(?i)unique"):
        await attempt(doctored, f"INSERT INTO {table} ({', '.join(again)}) VALUES ({places})", *again.values())


def insert(table: str, row: dict[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})"


async def without_account(db: Database, name: str = "bob") -> str:
    user_id = f"usr_{name}"
    async with db.begin() as session:
        await session.run(
            """INSERT INTO users (id, email, name, password_hash, role, sessions_not_before, created_at, updated_at)
               VALUES ($1, $1, 'somebody', '-', 'user', now(), now(), now())""",
            user_id,
        )
    return user_id
