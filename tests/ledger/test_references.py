"""The same again is the first result and no change; the same reference with other values is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.db import Database
from app.ledger.ledger import Balance, ReferenceReused, Terms
from app.ledger.rates import Rates
from tests.ledger.books import balance, credit, debit, dump, hold, release, rows, settle, terms
from tests.ledger.conftest import person

Verb = Callable[[Database, str], Awaitable[Any]]
VERBS: dict[str, Verb] = {
    "credit": lambda db, ann: credit(db, ann, 40),
    "debit": lambda db, ann: debit(db, ann, 40),
    "debit in part": lambda db, ann: debit(db, ann, 170),
    "hold": lambda db, ann: hold(db, ann, "hld_2"),
    "settle": lambda db, ann: settle(db, completion=7),
    "release": lambda db, ann: release(db),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
async def test_the_same_again_is_the_first_result_and_no_change(db: Database, verb: Verb) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann)
    first = await verb(db, ann)
    before = await dump(db)

    second = await verb(db, ann)

    assert second == first
    assert await dump(db) == before


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
async def test_the_same_again_much_later_is_still_the_first_result(db: Database, verb: Verb) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann)
    first = await verb(db, ann)
    await credit(db, ann, 500, reference="between")
    await debit(db, ann, 3, reference="between")
    before = await dump(db)

    second = await verb(db, ann)

    assert second == first
    assert await dump(db) == before


async def test_a_wholly_owed_debit_again_takes_nothing_again(db: Database, ann: str) -> None:
    await debit(db, ann, 40)
    await credit(db, ann, 100)

    again = await debit(db, ann, 40)

    assert again == 0
    assert await balance(db, ann) == Balance(60, 0, 0)


async def test_a_hold_that_ended_is_not_taken_again(db: Database) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann)
    await release(db)

    await hold(db, ann)

    assert await balance(db, ann) == Balance(100, 0, 0)


async def test_a_hold_is_found_again_even_when_no_tokens_are_left(db: Database) -> None:
    ann = await person(db, "ann", 10)
    await hold(db, ann, of=terms(10))

    await hold(db, ann, of=terms(10))

    assert await balance(db, ann) == Balance(10, 10, 0)


async def test_a_reference_with_other_values_is_refused(db: Database) -> None:
    ann, bob = await person(db, "ann", 100), await person(db, "bob", 100)
    await credit(db, ann, 40, kind="adjustment", reference="one")
    await debit(db, ann, 40, kind="adjustment", reference="two")
    await debit(db, bob, 140, kind="adjustment", reference="owed in part")
    before = await dump(db)

    for verb, who, tokens, reference in (
        (credit, ann, 41, "one"), (credit, bob, 40, "one"), (debit, ann, 40, "one"),
        (debit, ann, 41, "two"), (debit, bob, 40, "two"), (credit, ann, 40, "two"),
        (debit, bob, 100, "owed in part"), (debit, bob, 40, "owed in part"), (debit, ann, 140, "owed in part"),
        (credit, bob, 140, "owed in part"),
    ):  # fmt: skip
        with pytest.raises(ReferenceReused):
            await verb(db, who, tokens, kind="adjustment", reference=reference)

    assert await dump(db) == before


async def test_a_credit_cannot_take_the_reference_of_a_debt(db: Database, ann: str) -> None:
    await debit(db, ann, 40, kind="adjustment", reference="one")

    with pytest.raises(ReferenceReused):
        await credit(db, ann, 40, kind="adjustment", reference="one")

    assert await debit(db, ann, 40, kind="adjustment", reference="one") == 0
    assert await balance(db, ann) == Balance(0, 0, 40)


@pytest.mark.parametrize(
    "other",
    [Terms(1, 10, Rates()), Terms(2, 9, Rates()), Terms(1, 9, Rates(1000, 999)), Terms(1, 9, Rates(999, 1000))],
    ids=["more", "moved", "another output rate", "another input rate"],
)
async def test_a_hold_on_other_terms_is_refused(db: Database, other: Terms) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, of=Terms(1, 9, Rates()))

    with pytest.raises(ReferenceReused):
        await hold(db, ann, of=other)

    assert await balance(db, ann) == Balance(100, 10, 0)


async def test_a_hold_of_somebody_else_is_refused(db: Database) -> None:
    ann, bob = await person(db, "ann", 100), await person(db, "bob", 100)
    await hold(db, ann)

    with pytest.raises(ReferenceReused):
        await hold(db, bob)

    assert (await balance(db, bob)).held == 0


async def test_the_same_reference_of_another_kind_is_another_cause(db: Database, ann: str) -> None:
    await credit(db, ann, 10, kind="purchase", reference="one")

    await credit(db, ann, 10, kind="welcome", reference="one")

    assert await balance(db, ann) == Balance(20, 0, 0)


@pytest.mark.parametrize("verb", [credit, debit], ids=["credit", "debit"])
async def test_two_people_who_race_for_one_reference_are_told_apart(
    db: Database, verb: Callable[..., Awaitable[int]]
) -> None:
    """Many rounds, because in the first the connections are only being made."""
    people = [await person(db, f"person{number}") for number in range(20)]
    rounds = [f"race {number}" for number in range(10)]

    outcomes: Counter[str] = Counter()
    for name in rounds:
        races = (verb(db, user_id, 10, reference=name) for user_id in people)
        outcomes.update(type(outcome).__name__ for outcome in await asyncio.gather(*races, return_exceptions=True))

    assert outcomes == {"int": len(rounds), "ReferenceReused": len(rounds) * 19}
    booked = await rows(
        db, "SELECT reference FROM ledger_entries UNION ALL SELECT reference FROM ledger_debts ORDER BY reference"
    )
    assert [row["reference"] for row in booked] == rounds
