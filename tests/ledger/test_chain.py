"""Each entry's hash covers the entry and all before it, so whoever changes one row is found at that row."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db import Database
from app.ledger import audit, ledger
from app.ledger.audit import Verdict
from app.ledger.chain import Link, entry_hash
from tests.ledger.books import credit, debit, hold, rows, settle
from tests.ledger.conftest import person
from tests.ledger.doctored import doctor, entry

ZEROS = "0" * 64
OTHER_VALUES: dict[str, Any] = {
    "kind": "subscription",
    "tokens": -39,
    "balance_after": 1,
    "reference": "another",
    "created_at": datetime(2020, 1, 1, tzinfo=UTC),
    "hash": "f" * 64,
}


async def test_each_hash_is_sha256_of_nine_lines(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await credit(db, ann, 7, reference="mit Ümlaut, 'quotes' and a 😀")
    await hold(db, ann)
    await settle(db, completion=4)
    await debit(db, ann, 200)
    await credit(db, ann, 50, reference="two")

    before = ZEROS
    chain = await rows(db, "SELECT * FROM ledger_entries ORDER BY sequence")
    for row in chain:
        moment = row["created_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        numbers = [str(row[name]) for name in ("sequence", "kind", "tokens", "balance_after")]
        text = "\n".join(["prome-ledger-1", before, ann, *numbers, row["reference"], moment])
        assert row["hash"] == hashlib.sha256(text.encode("utf-8")).hexdigest()
        before = row["hash"]

    assert [row["sequence"] for row in chain] == [1, 2, 3, 4, 5, 6]
    [account] = await rows(db, "SELECT * FROM ledger_accounts")
    assert account["last_hash"] == before


def test_a_known_entry_has_a_known_hash() -> None:
    """Written down once by other means, so that the form cannot drift on both sides at once."""
    moment = datetime(2026, 1, 31, 13, 0, 0, 5, tzinfo=UTC)
    link = Link("usr_ann", 1, "welcome", 100, 100, "usr_ann", moment)

    found = entry_hash(ZEROS, link)

    assert found == "53f9ff210abd7f8fa87fac08be39969d817e880d10b014ad7176dcb89814ced9"


async def test_a_chain_nobody_touched_is_right(doctored: Database) -> None:
    assert await verdict(doctored) == Verdict(5, None)
    async with doctored.read() as session:
        assert await audit.verify(session, "usr_nobody") == Verdict(0, None)
        assert await audit.differences(session) == []
        assert await audit.broken_chains(session) == []


@pytest.mark.parametrize("sequence", [1, 3, 5])
@pytest.mark.parametrize("column", OTHER_VALUES)
async def test_the_first_row_that_was_altered_is_named(doctored: Database, column: str, sequence: int) -> None:
    other = OTHER_VALUES[column]
    assert (await entry(doctored, sequence))[column] != other

    await doctor(doctored, f"UPDATE ledger_entries SET {column} = $1 WHERE sequence = $2", other, sequence)

    assert await verdict(doctored) == Verdict(sequence, sequence)
    async with doctored.read() as session:
        [found] = await audit.broken_chains(session)
    assert (found.what, found.found) == ("a hash is wrong", sequence)


async def test_a_microsecond_is_enough(doctored: Database) -> None:
    at = (await entry(doctored, 2))["created_at"]
    assert isinstance(at, datetime)

    await doctor(
        doctored, "UPDATE ledger_entries SET created_at = $1 WHERE sequence = 2", at + timedelta(microseconds=1)
    )

    assert (await verdict(doctored)).first_bad == 2


async def test_whoever_mends_the_hash_of_an_altered_row_is_found_at_the_next(doctored: Database) -> None:
    first, second = await entry(doctored, 1), await entry(doctored, 2)
    link = Link(*(second[name] for name in Link._fields))._replace(reference="another")  # type: ignore[arg-type]

    await doctor(
        doctored,
        "UPDATE ledger_entries SET reference = 'another', hash = $1 WHERE sequence = 2",
        entry_hash(str(first["hash"]), link),
    )

    assert (await verdict(doctored)).first_bad == 3


@pytest.mark.parametrize("sequence", [1, 2, 4])
async def test_a_row_that_is_missing_is_named_by_the_one_after_it(doctored: Database, sequence: int) -> None:
    await doctor(doctored, "DELETE FROM ledger_entries WHERE sequence = $1", sequence)

    assert (await verdict(doctored)).first_bad == sequence + 1


async def test_a_last_row_that_is_missing_is_seen_by_the_account(doctored: Database) -> None:
    await doctor(doctored, "DELETE FROM ledger_entries WHERE sequence = 5")

    assert (await verdict(doctored)).ok
    async with doctored.read() as session:
        found = {difference.what for difference in await audit.differences(session)}
    assert "an account is not at its newest entry" in found


async def test_a_chain_longer_than_one_look_is_read_to_its_end(db: Database, ann: str) -> None:
    async with db.begin() as session:
        for number in range(audit.BATCH + 2):
            await ledger.credit(session, ann, 1, kind="purchase", reference=f"{number}")

    async with db.read() as session:
        assert await audit.verify(session, ann) == Verdict(audit.BATCH + 2, None)


async def the_account(db: Database) -> str:
    [row] = await rows(db, "SELECT user_id FROM ledger_accounts")
    return str(row["user_id"])


async def verdict(db: Database) -> Verdict:
    ann = await the_account(db)
    async with db.read() as session:
        return await audit.verify(session, ann)
