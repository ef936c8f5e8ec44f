"""What cannot be taken back is owed, and paid first from whatever comes in or is freed."""

from __future__ import annotations

from app.db import Database
from app.ledger.ledger import Balance
from tests.ledger.books import balance, credit, debit, hold, release, rows, settle, terms


async def test_a_refund_takes_what_is_there_and_the_rest_is_owed(db: Database, ann: str) -> None:
    await credit(db, ann, 30)

    taken = await debit(db, ann, 100)

    assert taken == 30
    assert await balance(db, ann) == Balance(0, 0, 70)


async def test_a_refund_of_nothing_left_is_owed_whole(db: Database, ann: str) -> None:
    taken = await debit(db, ann, 100)

    assert taken == 0
    assert await balance(db, ann) == Balance(0, 0, 100)
    assert await rows(db, "SELECT * FROM ledger_entries") == []


async def test_the_next_grant_pays_first(db: Database, ann: str) -> None:
    await debit(db, ann, 70)

    after_the_grant = await credit(db, ann, 50, reference="one")
    then = await balance(db, ann)
    await credit(db, ann, 50, reference="two")

    assert (after_the_grant, then) == (50, Balance(0, 0, 20))
    assert await balance(db, ann) == Balance(30, 0, 0)
    booked = await rows(db, "SELECT kind, tokens, reference FROM ledger_entries ORDER BY sequence")
    assert [tuple(row) for row in booked] == [
        ("purchase", 50, "one"),
        ("debt", -50, "purchase:one"),
        ("purchase", 50, "two"),
        ("debt", -20, "purchase:two"),
    ]


async def test_tokens_that_are_held_are_not_taken_back_but_owed(db: Database, ann: str) -> None:
    await credit(db, ann, 100)
    await hold(db, ann, of=terms(60))

    taken = await debit(db, ann, 100)

    assert taken == 40
    assert await balance(db, ann) == Balance(60, 60, 60)


async def test_a_freed_hold_pays_what_is_owed(db: Database, ann: str) -> None:
    await credit(db, ann, 100)
    await hold(db, ann, of=terms(60))
    await debit(db, ann, 100)

    ended = await settle(db, completion=10)

    assert (ended.charged, ended.balance_after) == (10, 50)
    assert await balance(db, ann) == Balance(0, 0, 10)


async def test_a_released_hold_pays_too(db: Database, ann: str) -> None:
    await credit(db, ann, 100)
    await hold(db, ann, of=terms(60))
    await debit(db, ann, 100)

    await release(db)

    assert await balance(db, ann) == Balance(0, 0, 0)


async def test_debts_add_up_and_are_paid_once(db: Database, ann: str) -> None:
    for reference in ("one", "two", "two", "one"):
        await debit(db, ann, 40, reference=reference)
    owed = await balance(db, ann)

    for _ in range(2):
        await credit(db, ann, 200)

    assert owed == Balance(0, 0, 80)
    assert await balance(db, ann) == Balance(120, 0, 0)
