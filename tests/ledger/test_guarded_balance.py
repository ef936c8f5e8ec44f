"""The database lets a balance move with its newest entry only, as that entry says, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from app.db import Database, Session
from tests.ledger.books import credit, debit, hold, rows
from tests.ledger.conftest import person
from tests.ledger.doctored import keep_still
from tests.ledger.test_history import RIGHT, WRONG_ENTRY, attempt, refused

ENTRY = WRONG_ENTRY.format(**RIGHT)
MOVE = {"balance": "balance + 5", "sequence": "sequence + 1", "last_hash": "'h'"}


def move(changes: dict[str, str]) -> str:
    setting = ", ".join(f"{column} = {value}" for column, value in changes.items())
    return f"UPDATE ledger_accounts SET {setting} WHERE user_id = $1"


class Undone(Exception):
    """Ends a unit of which nothing shall stay."""


@asynccontextmanager
async def tried(db: Database) -> AsyncIterator[Session]:
    with suppress(Undone):
        async with db.begin() as session:
            yield session
            raise Undone


async def test_an_entry_moves_its_account(db: Database) -> None:
    ann = await person(db, "ann", 100)
    account = "SELECT balance, sequence, last_hash FROM ledger_accounts WHERE user_id = $1"

    async with tried(db) as session:
        await session.run(ENTRY, ann)
        moved = await session.row(account, ann)

    assert moved is not None
    assert tuple(moved) == (105, 2, "h")


@pytest.mark.parametrize(
    ("kind", "hold_id", "left"), [("usage", "hld_ann", 0), ("purchase", "hld_ann", 10), ("usage", "hld_bob", 10)]
)
async def test_only_the_entry_of_a_reply_frees_what_was_held_for_it(
    db: Database, kind: str, hold_id: str, left: int
) -> None:
    ann, bob = await person(db, "ann", 100), await person(db, "bob", 100)
    await hold(db, ann, "hld_ann")
    await hold(db, bob, "hld_bob")
    entry = WRONG_ENTRY.format(**RIGHT | {"kind": kind}).replace("'wrong'", f"'{hold_id}'")

    async with tried(db) as session:
        await session.run(entry, ann)
        found = await session.rows("SELECT held FROM ledger_accounts WHERE user_id = $1", ann)

    assert [row["held"] for row in found] == [left]


@pytest.mark.parametrize(
    ("column", "value"), [("balance", "balance + 6"), ("sequence", "sequence + 2"), ("last_hash", "'x'")]
)
async def test_a_balance_moves_only_as_its_entry_says(db: Database, column: str, value: str) -> None:
    ann = await person(db, "ann", 100)
    await keep_still(db)

    async with refused(db), db.begin() as session:
        await session.run(ENTRY, ann)
        await session.run(move(MOVE | {column: value}), ann)


async def test_a_balance_may_move_as_its_entry_says_and_not_once_more(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await keep_still(db)

    async with refused(db), db.begin() as session:
        await session.run(ENTRY, ann)
        moved = await session.run(move(MOVE), ann)
        assert moved == 1
        await session.run(move({"balance": "balance + 5"}), ann)


async def test_an_old_entry_does_not_move_a_balance_again(db: Database) -> None:
    """All was taken back, and the first entry would once more lead from nothing to a hundred."""
    ann = await person(db, "ann")
    await credit(db, ann, 100)
    await debit(db, ann, 100)
    [first, _] = await rows(db, "SELECT hash FROM ledger_entries ORDER BY sequence")

    async with refused(db):
        again = {"balance": "100", "sequence": "1", "last_hash": f"'{first['hash']}'"}
        await attempt(db, move(again), ann)
