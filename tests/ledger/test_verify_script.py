"""A statement can be checked by anybody, with a Python and one file, and whoever altered it is found out."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.db import Database, Row
from app.ledger import ledger
from app.ledger.chain import BEGINNING, as_text
from tests.ledger.conftest import person

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify_statement.py"
COLUMNS = ("userId", "sequence", "kind", "tokens", "balanceAfter", "reference", "createdAt", "hash")
OTHER = {
    "userId": "usr_other",
    "sequence": 9,
    "kind": "adjustment",
    "tokens": 7,
    "balanceAfter": 7,
    "reference": "another",
    "createdAt": "2026-01-01T00:00:00.000001Z",
    "hash": "f" * 64,
}
LAST = 5
Entries = list[dict[str, Any]]


@pytest_asyncio.fixture
async def entries(db: Database) -> Entries:
    """What the real ledger wrote, as the API shows it."""
    user_id = await person(db, "ann", 1000)
    async with db.begin() as session:
        await ledger.credit(session, user_id, 500, kind="purchase", reference='pay, "quoted" and ü')
        await ledger.debit(session, user_id, 1800, kind="refund", reference="pay_1")
        await ledger.credit(session, user_id, 900, kind="subscription", reference="sub_1")
    async with db.read() as session:
        rows = await session.rows("SELECT * FROM ledger_entries WHERE user_id = $1 ORDER BY sequence", user_id)
    return [shown(row) for row in rows]


def shown(row: Row) -> dict[str, Any]:
    values = (row["user_id"], row["sequence"], row["kind"], row["tokens"], row["balance_after"], row["reference"])
    return dict(zip(COLUMNS, (*values, as_text(row["created_at"]), row["hash"]), strict=True))


def as_csv(entries: Entries) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return text.getvalue()


def as_statement(entries: Entries, hash_before: str = BEGINNING, **page: object) -> dict[str, Any]:
    return {
        "userId": entries[0]["userId"],
        "opening": entries[0]["balanceAfter"] - entries[0]["tokens"],
        "closing": entries[-1]["balanceAfter"],
        "hashBefore": hash_before,
        "entries": [{name: value for name, value in entry.items() if name != "userId"} for entry in entries],
        **page,
    }


def verify(folder: Path, *texts: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    """Alone: no site-packages, and nothing of ours on the path."""
    files = [folder / f"statement-{number}" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(SCRIPT), *map(str, files), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=20, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_statement_of_the_ledger_is_found_right_in_both_forms(entries: Entries, tmp_path: Path) -> None:
    from_csv = verify(tmp_path, as_csv(entries))
    from_json = verify(tmp_path, json.dumps(as_statement(entries)))

    assert len(entries) == LAST
    assert from_csv == from_json == (0, from_csv[1])
    assert f"closing {entries[-1]['balanceAfter']}" in from_csv[1]


def test_a_time_may_be_spelled_in_other_ways(entries: Entries, tmp_path: Path) -> None:
    for entry in entries:
        entry["createdAt"] = entry["createdAt"].replace("Z", "+00:00").replace(".000000", "")

    assert verify(tmp_path, json.dumps(as_statement(entries)))[0] == 0


def test_a_statement_may_begin_in_the_middle(entries: Entries, tmp_path: Path) -> None:
    before, later = entries[1]["hash"], entries[2:]

    assert verify(tmp_path, json.dumps(as_statement(later, before)))[0] == 0
    assert verify(tmp_path, as_csv(later), options=("--hash-before", before))[0] == 0
    assert verify(tmp_path, as_csv(later), options=("--hash-before", "0" * 63 + "1"))[0] == 1
    assert verify(tmp_path, as_csv(later)) == (
        1,
        "WRONG: It begins with sequence 3: give the hash before that with --hash-before.\n",
    )


def test_pages_are_checked_together(entries: Entries, tmp_path: Path) -> None:
    whole = as_statement(entries)
    first = json.dumps({**whole, "entries": whole["entries"][:2], "nextCursor": "next"})
    second = json.dumps({**whole, "entries": whole["entries"][2:], "nextCursor": None})

    assert verify(tmp_path, first, second)[0] == 0
    assert verify(tmp_path, second, first)[0] == 1
    assert verify(tmp_path, first)[0] == 1


@pytest.mark.parametrize("column", COLUMNS)
def test_a_field_that_was_altered_is_found_in_any_row_of_a_csv(entries: Entries, tmp_path: Path, column: str) -> None:
    for place in range(LAST):
        altered = deepcopy(entries)
        altered[place][column] = OTHER[column]

        code, said = verify(tmp_path, as_csv(altered))

        named = [f"Entry {number} " for number in (place + 1, place + 2)] + ["begins with sequence 9"]
        assert (code, said[:6]) == (1, "WRONG:"), said
        assert any(words in said for words in named), said


@pytest.mark.parametrize("column", [*COLUMNS[1:], "userId", "opening", "closing", "hashBefore"])
def test_a_field_that_was_altered_is_found_in_json(entries: Entries, tmp_path: Path, column: str) -> None:
    statement = as_statement(entries)
    if column in statement:
        statement[column] = {"userId": "usr_other", "hashBefore": "f" * 64}.get(column, 12345)
    else:
        statement["entries"][2][column] = OTHER[column]

    code, said = verify(tmp_path, json.dumps(statement))

    assert (code, said[:6]) == (1, "WRONG:"), said


def test_a_row_that_was_dropped_is_missed(entries: Entries, tmp_path: Path) -> None:
    for place in range(LAST):
        left = entries[:place] + entries[place + 1 :]
        known = ("--last-hash", entries[-1]["hash"])
        statement = {**as_statement(entries), "entries": as_statement(left)["entries"]}

        assert verify(tmp_path, as_csv(left), options=known)[0] == 1
        assert verify(tmp_path, json.dumps(statement))[0] == 1


def test_rows_that_changed_places_are_found(entries: Entries, tmp_path: Path) -> None:
    for place in range(LAST - 1):
        swapped = deepcopy(entries)
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]

        assert verify(tmp_path, as_csv(swapped))[0] == 1
        assert verify(tmp_path, json.dumps({**as_statement(entries), "entries": swapped}))[0] == 1


@pytest.mark.parametrize("text", ["", "{}", "not a statement", '{"entries": [1]}', "userId,sequence\nusr_a,1\n"])
def test_what_is_no_statement_is_not_found_right(tmp_path: Path, text: str) -> None:
    code, said = verify(tmp_path, text)

    assert (code, said[:6]) == (1, "WRONG:"), said


def test_the_help_says_what_is_checked_and_what_nobody_can_see(tmp_path: Path) -> None:
    code, said = verify(tmp_path, options=("--help",))

    assert code == 0
    assert all(word in said for word in ("SHA-256", "prome-ledger-1", "--hash-before", "--last-hash", "cut off"))
