"""How an account is taken and how its balance moves. Only the ledger's verbs call this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.db import LostRace, Row, Session, as_moment
from app.ids import new_id
from app.ledger.chain import BEGINNING, Link, entry_hash


@dataclass(slots=True)
class Account:
    user_id: str
    balance: int
    held: int
    owed: int
    sequence: int
    last_hash: str
    at: datetime

    @property
    def available(self) -> int:
        return self.balance - self.held


async def open_account(session: Session, user_id: str) -> None:
    await session.run(
        """INSERT INTO ledger_accounts (user_id, balance, held, owed, sequence, last_hash)
           VALUES ($1, 0, 0, 0, 0, $2) ON CONFLICT (user_id) DO NOTHING""",
        *(user_id, BEGINNING),
    )


async def take(session: Session, user_id: str) -> Account:
    """Nobody else changes it until this unit has ended."""
    row = await session.row(TAKE_ACCOUNT, user_id)
    if row is None:
        await open_account(session, user_id)
        row = await session.row(TAKE_ACCOUNT, user_id)
    assert row is not None
    return _account(row)


async def take_for_hold(session: Session, hold_id: str) -> tuple[Account, Row] | None:
    """The account, taken, and what was held of it and at which price. None when there is no such hold."""
    row = await session.row(TAKE_ACCOUNT_OF_HOLD, hold_id)
    return (_account(row), row) if row is not None else None


def _account(row: Row) -> Account:
    user_id, balance, held, owed, sequence, last_hash, at, *_ = row
    return Account(user_id, balance, held, owed, sequence, last_hash, as_moment(at))


async def post(session: Session, account: Account, tokens: int, kind: str, reference: str) -> int:
    """The only place where a balance moves: the database moves the row with its entry. Two accounts may race for one
    reference: one of them looks again.
    """
    account.balance, account.sequence = account.balance + tokens, account.sequence + 1
    link = Link(account.user_id, account.sequence, kind, tokens, account.balance, reference, account.at)
    account.last_hash = entry_hash(account.last_hash, link)
    if not await session.run(WRITE_ENTRY, new_id("ent"), *link, account.last_hash):
        raise LostRace
    return account.balance


async def keep(session: Session, account: Account) -> int:
    """Writes down what no entry moves: what is held and what is owed."""
    await session.run(KEEP_ACCOUNT, account.user_id, account.held, account.owed)
    return account.balance


async def pay_debt(session: Session, account: Account, reference: str) -> None:
    paid = min(account.owed, account.available)
    if paid > 0:
        account.owed -= paid
        await post(session, account, -paid, "debt", reference)
        await keep(session, account)


TAKE_ACCOUNT = """
SELECT user_id, balance, held, owed, sequence, last_hash, now() AS at FROM ledger_accounts WHERE user_id = $1
FOR NO KEY UPDATE
"""
TAKE_ACCOUNT_OF_HOLD = """
SELECT its.user_id, balance, held, owed, sequence, last_hash, now() AS at, tokens, input_rate, output_rate
FROM holds JOIN ledger_accounts AS its ON its.user_id = holds.user_id WHERE holds.id = $1
FOR NO KEY UPDATE OF its
"""
KEEP_ACCOUNT = "UPDATE ledger_accounts SET held = $2, owed = $3 WHERE user_id = $1"
WRITE_ENTRY = """
INSERT INTO ledger_entries (id, user_id, sequence, kind, tokens, balance_after, reference, created_at, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (kind, reference) DO NOTHING
"""
