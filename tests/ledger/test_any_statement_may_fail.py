"""L3: whichever statement of an operation fails, nothing of it happened, and a retry does it once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from app.accounts import accounts
from app.db import Database, Row, Session
from app.ledger import audit, expiry, ledger
from tests.databases import Databases
from tests.ledger.books import HOUR, Dump, dump, essence, terms

Found = TypeVar("Found")
When = Literal["before", "after"]
ANN, USED = "usr_ann", ledger.Used(3, 20, "provider")
Unit = Callable[[Session], Awaitable[Any]]


class Failed(Exception):
    """What the test makes happen at one statement."""


class FailingSession(Session):
    """Hands every statement on, and fails just before or just after the one with a given number."""

    def __init__(self, within: Session, fail_at: int, when: When) -> None:
        super().__init__()
        self.effects, self.statements = within.effects, 0
        self._within, self._fail_at, self._when = within, fail_at, when

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        return await self._watched(lambda: self._within.rows(sql, *values))

    async def run(self, sql: str, *values: Any) -> int:
        return await self._watched(lambda: self._within.run(sql, *values))

    async def _watched(self, statement: Callable[[], Awaitable[Found]]) -> Found:
        self.statements += 1
        fails = self.statements == self._fail_at
        if fails and self._when == "before":
            raise Failed
        found = await statement()
        if fails:
            raise Failed
        return found


@dataclass(frozen=True)
class Operation:
    """`given` sets the scene, `does` is the unit of which one statement fails."""

    does: Unit
    given: tuple[Unit, ...] = ()


def credit(tokens: int, reference: str = "one") -> Unit:
    return lambda session: ledger.credit(session, ANN, tokens, kind="purchase", reference=reference)


def debit(tokens: int) -> Unit:
    return lambda session: ledger.debit(session, ANN, tokens, kind="refund", reference="one")


def hold(session: Session) -> Awaitable[int]:
    return ledger.hold(session, ANN, terms(60), hold_id="hld_1", lifetime=HOUR)


OPEN: Unit = lambda session: ledger.open_account(session, ANN)  # noqa: E731
SETTLE: Unit = lambda session: ledger.settle(session, "hld_1", USED)  # noqa: E731
RELEASE: Unit = lambda session: ledger.release(session, "hld_1")  # noqa: E731
EXPIRE: Unit = lambda session: expiry.expire(session, "hld_1")  # noqa: E731
HELD = (OPEN, credit(100, "before"), hold)
OPERATIONS = {
    "open account": Operation(OPEN),
    "credit": Operation(credit(100), (OPEN,)),
    "credit without an account": Operation(credit(100)),
    "credit that pays a debt": Operation(credit(100), (OPEN, debit(30))),
    "debit": Operation(debit(30), (OPEN, credit(100, "before"))),
    "debit with a debt": Operation(debit(130), (OPEN, credit(100, "before"))),
    "debit wholly owed": Operation(debit(130), (OPEN,)),
    "hold": Operation(hold, (OPEN, credit(100, "before"))),
    "settle": Operation(SETTLE, HELD),
    "settle that pays a debt": Operation(SETTLE, (*HELD, debit(100))),
    "release": Operation(RELEASE, HELD),
    "release that pays a debt": Operation(RELEASE, (*HELD, debit(100))),
    "expire": Operation(EXPIRE, HELD),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
@pytest.mark.parametrize("when", ["before", "after"])
async def test_whichever_statement_fails_nothing_happened_and_a_retry_does_it_once(
    db: Database, databases: Databases, tmp_path: Path, operation: Operation, when: When
) -> None:
    """One database for all numbers: a unit that was undone leaves it as it was, which is what is shown."""
    untouched = await everything_happening_once(databases, tmp_path, operation)
    await arrange(db, operation)
    before = await dump(db)

    fail_at = 1
    while await fails_at(db, operation, fail_at, when):
        assert await dump(db) == before
        assert await broken(db) == []
        fail_at += 1

    # The last one was beyond the end, so it was the retry that worked; once more changes nothing.
    assert fail_at - 1 == untouched.statements
    assert essence(await dump(db)) == untouched.after
    await db.transact(operation.does)
    assert essence(await dump(db)) == untouched.after
    assert await broken(db) == []


@dataclass(frozen=True)
class Untouched:
    statements: int
    after: Dump


async def everything_happening_once(databases: Databases, folder: Path, operation: Operation) -> Untouched:
    db = Database(databases.fresh(folder))
    await db.open()
    await arrange(db, operation)
    before = await dump(db)
    async with db.begin() as session:
        counting = FailingSession(session, 0, "before")
        await operation.does(counting)
    after = await dump(db)
    await db.close()
    assert after != before
    return Untouched(counting.statements, essence(after))


async def arrange(db: Database, operation: Operation) -> None:
    async with db.begin() as session:
        user = await accounts.create(session, "ann@example.com", "-", datetime.now(UTC))
        await session.run("UPDATE users SET id = $1 WHERE id = $2", ANN, user.id)
        for unit in operation.given:
            await unit(session)


async def fails_at(db: Database, operation: Operation, fail_at: int, when: When) -> bool:
    try:
        async with db.begin() as session:
            await operation.does(FailingSession(session, fail_at, when))
    except Failed:
        return True
    return False


async def broken(db: Database) -> list[audit.Difference]:
    async with db.read() as session:
        return await audit.differences(session) + await audit.broken_chains(session)
