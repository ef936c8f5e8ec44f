"""What an operator gives by hand. The reference alone says which grant it is; the reason is words for the statement."""

from __future__ import annotations

from app.db import Row, Session
from app.ledger import ledger

KIND = "adjustment"
BETWEEN = ": "


async def find(session: Session, reference: str) -> Row | None:
    """Whom it gave how much, and what it is booked as. Until the unit ends, nobody else can give by this reference."""
    await session.row(ONE_AFTER_ANOTHER)
    begins = reference + BETWEEN
    return await session.row(FIND, KIND, begins, len(begins))


async def give(session: Session, user_id: str, tokens: int, reference: str, reason: str) -> str:
    """Answers with what it is booked as."""
    booked_as = f"{reference}{BETWEEN}{reason}"
    await ledger.credit(session, user_id, tokens, kind=KIND, reference=booked_as)
    return booked_as


# An entry is unique by its reason as well, which alone would let one reference into the books twice. Grants by hand are
# rare enough to wait for each other, and any account does to wait at, as long as it is the same one.
ONE_AFTER_ANOTHER = """
SELECT user_id FROM ledger_accounts WHERE user_id = (SELECT MIN(user_id) FROM ledger_accounts) FOR NO KEY UPDATE
"""
FIND = """
SELECT user_id, tokens, reference FROM ledger_entries WHERE kind = $1 AND substr(reference, 1, $3) = $2
ORDER BY created_at, id LIMIT 1
"""
