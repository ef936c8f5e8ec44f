"""The statement: what came and went between two moments, with what there was before and after.

The moments choose a range of sequences and the range is given whole, so opening + Σ = closing holds whatever the clock
did in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.db import Session
from app.ledger.chain import BEGINNING
from app.ledger.tables import LedgerEntry


@dataclass(frozen=True)
class Range:
    """`first` to `last`, both included; empty when `last` is before `first`."""

    first: int
    last: int
    opening: int
    closing: int
    hash_before: str


async def between(session: Session, user_id: str, start: datetime | None, end: datetime | None) -> Range:
    first = await _edge(session, FIRST_FROM, user_id, start) if start else 1
    last = (await _edge(session, FIRST_FROM, user_id, end) if end else await _count(session, user_id) + 1) - 1
    opening, hash_before = await _state_at(session, user_id, first - 1)
    closing, _ = await _state_at(session, user_id, max(last, first - 1))
    return Range(first, last, opening, closing, hash_before)


async def entries(session: Session, user_id: str, within: Range, *, after: int, limit: int) -> list[LedgerEntry]:
    """Oldest first, those with a sequence beyond `after`."""
    return await session.all(
        LedgerEntry,
        """SELECT * FROM ledger_entries WHERE user_id = $1 AND sequence > $2 AND sequence <= $3
           ORDER BY sequence LIMIT $4""",
        *(user_id, max(after, within.first - 1), within.last, limit),
    )


async def newest(session: Session, user_id: str, within: Range, *, before: int | None, limit: int) -> list[LedgerEntry]:
    """Newest first, those with a sequence below `before`."""
    last = within.last if before is None else min(before - 1, within.last)
    return await session.all(
        LedgerEntry,
        """SELECT * FROM ledger_entries WHERE user_id = $1 AND sequence >= $2 AND sequence <= $3
           ORDER BY sequence DESC LIMIT $4""",
        *(user_id, within.first, last, limit),
    )


async def _edge(session: Session, sql: str, user_id: str, moment: datetime) -> int:
    row = await session.row(sql, user_id, moment)
    if row is not None and row["sequence"] is not None:
        return int(row["sequence"])
    return await _count(session, user_id) + 1


async def _count(session: Session, user_id: str) -> int:
    row = await session.row("SELECT sequence FROM ledger_accounts WHERE user_id = $1", user_id)
    return int(row["sequence"]) if row else 0


async def _state_at(session: Session, user_id: str, sequence: int) -> tuple[int, str]:
    row = await session.row(
        "SELECT balance_after, hash FROM ledger_entries WHERE user_id = $1 AND sequence = $2", user_id, sequence
    )
    return (int(row["balance_after"]), str(row["hash"])) if row else (0, BEGINNING)


FIRST_FROM = "SELECT MIN(sequence) AS sequence FROM ledger_entries WHERE user_id = $1 AND created_at >= $2"
