"""How an account is taken and how its balance moves. Only the ledger's verbs call this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.db import LostRace, Session, as_moment
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
    """Writing the row without changing it locks it on Postgres; on SQLite a unit is alone anyway."""
    row = await session.row(TAKE_ACCOUNT, user_id)
    if row is None:
        await open_account(session, user_id)
        row = await session.row(TAKE_ACCOUNT, user_id)
    assert row is not None
    return Account(
        user_id, row["balance"], row["held"], row["owed"], row["sequence"], row["last_hash"], as_moment(row["at"])
    )


async def post(session: Session, account: Account, tokens: int, kind: str, reference: str) -> int:
    """The only place where a balance moves. Two accounts may race for one reference: one of them looks again."""
    account.balance, account.sequence = account.balance + tokens, account.sequence + 1
    link = Link(account.user_id, account.sequence, kind, tokens, account.balance, reference, account.at)
    account.last_hash = entry_hash(account.last_hash, link)
    if not await session.run(WRITE_ENTRY, new_id("ent"), *link, account.last_hash):
        raise LostRace
    return await keep(session, account)


async def keep(session: Session, account: Account) -> int:
    """Writes the row once with all that changed; the database lets its balance move with its newest entry only."""
    await session.run(
        KEEP_ACCOUNT,
        *(account.user_id, account.balance, account.held, account.owed, account.sequence, account.last_hash),
    )
    return account.balance


async def pay_debt(session: Session, account: Account, reference: str) -> None:
    paid = min(account.owed, account.available)
    if paid > 0:
        account.owed -= paid
        await post(session, account, -paid, "debt", reference)


TAKE_ACCOUNT = """
UPDATE ledger_accounts SET held = held WHERE user_id = $1
RETURNING balance, held, owed, sequence, last_hash, now() AS at
"""
KEEP_ACCOUNT = """
UPDATE ledger_accounts SET balance = $2, held = $3, owed = $4, sequence = $5, last_hash = $6 WHERE user_id = $1
"""
WRITE_ENTRY = """
INSERT INTO ledger_entries (id, user_id, sequence, kind, tokens, balance_after, reference, created_at, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (kind, reference) DO NOTHING
"""
