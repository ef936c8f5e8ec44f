"""The database lets a balance move with its newest entry only, as that entry says, and once."""

from __future__ import annotations

import pytest

from app.db import Database
from tests.ledger.books import credit, debit, rows
from tests.ledger.conftest import person
from tests.ledger.test_history import RIGHT, WRONG_ENTRY, attempt, refused

ENTRY = WRONG_ENTRY.format(**RIGHT)
MOVE = {"balance": "balance + 5", "sequence": "sequence + 1", "last_hash": "'h'"}


def move(changes: dict[str, str]) -> str:
    setting = ", ".join(f"{column} = {value}" for column, value in changes.items())
    return f"UPDATE ledger_accounts SET {setting} WHERE user_id = $1"


@pytest.mark.parametrize(
    ("column", "value"), [("balance", "balance + 6"), ("sequence", "sequence + 2"), ("last_hash", "'x'")]
)
async def test_a_balance_moves_only_as_its_entry_says(db: Database, column: str, value: str) -> None:
    ann = await person(db, "ann", 100)

    async with refused(db), db.begin() as session:
        await session.run(ENTRY, ann)
        await session.run(move(MOVE | {column: value}), ann)


async def test_a_balance_may_move_as_its_entry_says_and_not_once_more(db: Database) -> None:
    ann = await person(db, "ann", 100)

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
