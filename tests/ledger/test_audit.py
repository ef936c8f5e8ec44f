"""Every question of the audit can fail: for each there is damage that it names, and where."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from app.db import Database
from app.ledger import audit, expiry
from app.ledger.audit import EVERYBODY, PART_ENTRIES, QUESTIONS, Difference
from tests.ledger.books import HOUR, balance, hold, rows
from tests.ledger.conftest import person
from tests.ledger.doctored import doctor

(BALANCE, HELD, OWED, FOLLOWS, NEWEST, CHARGED, USED) = QUESTIONS


@dataclass(frozen=True)
class Damage:
    sql: str
    whats: set[str]


DAMAGES = {
    "tokens out of nothing": Damage("UPDATE ledger_accounts SET balance = balance + 1", {BALANCE}),
    "tokens gone": Damage("UPDATE ledger_accounts SET balance = 0, held = 0", {BALANCE, HELD}),
    "too much held": Damage("UPDATE ledger_accounts SET balance = 11, held = 11", {BALANCE, HELD}),
    "nothing held": Damage("UPDATE ledger_accounts SET held = 0", {HELD}),
    "a hold forgotten": Damage("DELETE FROM holds WHERE id = 'hld_open'", {HELD}),
    "a debt forgiven": Damage("UPDATE ledger_accounts SET owed = 0", {OWED}),
    "a debt forgotten": Damage("DELETE FROM ledger_debts", {OWED}),
    "an entry that does not add up": Damage(
        "UPDATE ledger_entries SET balance_after = balance_after + 1 WHERE sequence = 2", {FOLLOWS}
    ),
    "a number skipped": Damage("UPDATE ledger_entries SET sequence = 6 WHERE sequence = 5", {FOLLOWS, NEWEST}),
    "a first entry that is not the first": Damage(
        "UPDATE ledger_entries SET sequence = 0 WHERE sequence = 1", {FOLLOWS}
    ),
    "an account behind its entries": Damage("UPDATE ledger_accounts SET sequence = 4", {NEWEST}),
    "an account with another hash": Damage("UPDATE ledger_accounts SET last_hash = 'x'", {NEWEST}),
    "a charge without its entry": Damage("UPDATE hold_resolutions SET charged = charged + 1", {CHARGED}),
    "a charge that is more than its hold": Damage("UPDATE holds SET tokens = 3 WHERE id = 'hld_ended'", {CHARGED}),
    "a hold that ended for somebody else": Damage("UPDATE hold_resolutions SET user_id = 'usr_bob'", {CHARGED}),
    "a use of no hold": Damage("UPDATE ledger_entries SET reference = 'nothing' WHERE kind = 'usage'", {CHARGED, USED}),
    "an end forgotten": Damage("DELETE FROM hold_resolutions", {HELD, USED}),
}


def test_every_question_has_damage_that_it_names() -> None:
    assert set().union(*(damage.whats for damage in DAMAGES.values())) == set(QUESTIONS)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
async def test_damage_is_named_and_nothing_else(doctored: Database, damage: Damage) -> None:
    await doctor(doctored, damage.sql)

    async with doctored.read() as session:
        found = await audit.differences(session)

    assert {difference.what for difference in found} == damage.whats


async def test_a_difference_says_who_and_how_much(doctored: Database) -> None:
    await doctor(doctored, "UPDATE ledger_accounts SET owed = owed + 5")

    async with doctored.read() as session:
        found = await audit.differences(session)

    [account] = await rows(doctored, "SELECT user_id, owed FROM ledger_accounts")
    assert found == [Difference(OWED, account["user_id"], account["owed"], account["owed"] - 5)]
    assert str(found[0]) == f"{OWED}: {account['user_id']} has {account['owed']}, expected {account['owed'] - 5}"


async def test_damage_of_one_account_is_not_blamed_on_another(doctored: Database) -> None:
    bob = await person(doctored, "bob", 70)

    await doctor(doctored, "UPDATE ledger_accounts SET balance = balance + 1 WHERE user_id = $1", bob)

    async with doctored.read() as session:
        found = await audit.differences(session)
    assert [difference.about for difference in found] == [bob]


async def test_the_parts_of_the_books_are_all_of_them_and_each_account_is_in_one(doctored: Database) -> None:
    people = sorted([await person(doctored, f"person{number}", 70) for number in range(5)])
    await doctor(doctored, "UPDATE ledger_accounts SET sequence = $2 WHERE user_id = $1", people[1], PART_ENTRIES)
    await doctor(doctored, "UPDATE ledger_accounts SET balance = 71 WHERE user_id = $1", people[4])

    ends, found = [""], []
    async with doctored.read() as session:
        whole = await audit.differences(session)
        while ends[-1] != EVERYBODY:
            ends.append(await audit.part(session, ends[-1]))
            found.append({one.about for one in await audit.differences(session, *ends[-2:])})

    assert ends == ["", people[1], EVERYBODY]
    assert found == [{people[1]}, {people[4]}]
    assert {one.about for one in whole} == {people[1], people[4]}


async def test_a_hold_that_cannot_end_keeps_no_other_from_ending(doctored: Database) -> None:
    ann, bob = await person(doctored, "damaged", 100), await person(doctored, "bob", 100)
    await hold(doctored, ann, "hld_damaged", lifetime=-2 * HOUR)
    await hold(doctored, bob, "hld_bob", lifetime=-HOUR)
    await doctor(doctored, "UPDATE ledger_accounts SET held = 1 WHERE user_id = $1", ann)

    ended = await expiry.sweep(doctored)

    assert ended == 1
    assert (await balance(doctored, bob)).held == 0
