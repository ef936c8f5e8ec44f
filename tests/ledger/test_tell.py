"""Whoever follows a balance is told once for each change, when it is true and not before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from app.db import Database
from app.ledger import ledger
from app.ledger.ledger import InsufficientTokens
from tests.ledger.books import credit, debit, hold, release, settle, terms
from tests.ledger.conftest import person

Told = list[str]
CHANGES: dict[str, Callable[[Database, str], Awaitable[Any]]] = {
    "credit": lambda db, ann: credit(db, ann, 5),
    "debit": lambda db, ann: debit(db, ann, 5, reference="small"),
    "debit in part": lambda db, ann: debit(db, ann, 1000, reference="large"),
    "debit wholly owed": lambda db, ann: debit(db, ann, 5, reference="owed"),
    "hold": lambda db, ann: hold(db, ann, "hld_2", of=terms(1)),
    "settle": lambda db, ann: settle(db, completion=5),
    "settle for nothing": lambda db, ann: settle(db),
    "release": lambda db, ann: release(db),
}


@pytest.fixture
def told() -> Told:
    return []


@pytest_asyncio.fixture
async def listening(database_url: str, told: Told, db: Database) -> AsyncIterator[Database]:
    """Beside the `db` of every test, which audits what this one did."""
    listening = Database(database_url, told.append)
    await listening.open()
    yield listening
    await listening.close()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_each_change_is_told_once_and_its_repetition_never(
    db: Database, listening: Database, told: Told, change: Callable[[Database, str], Awaitable[Any]]
) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, of=terms(50))

    await change(listening, ann)
    after_once = list(told)
    await change(listening, ann)

    assert after_once == [ann]
    assert told == [ann]


@pytest.mark.parametrize("verb", ["credit", "settle", "release"])
async def test_a_change_that_pays_a_debt_is_still_one(db: Database, listening: Database, told: Told, verb: str) -> None:
    ann = await person(db, "ann", 100)
    await hold(db, ann, of=terms(50))
    await debit(db, ann, 500)

    await CHANGES[verb](listening, ann)

    assert told == [ann]


async def test_nobody_is_told_before_the_commit(db: Database, listening: Database, told: Told, ann: str) -> None:
    async with listening.begin() as session:
        await ledger.credit(session, ann, 5, kind="purchase", reference="one")
        told_before = list(told)

    assert (told_before, told) == ([], [ann])


async def test_what_fails_is_not_told(db: Database, listening: Database, told: Told, ann: str) -> None:
    async def failing() -> None:
        async with listening.begin() as session:
            await ledger.credit(session, ann, 5, kind="purchase", reference="one")
            raise LookupError

    with pytest.raises(LookupError):
        await failing()
    with pytest.raises(InsufficientTokens):
        await hold(listening, ann)

    assert told == []
