"""The verbs: credit, debit, hold, settle, release, balance. Each takes a session and is repeatable by its reference.

Every verb that changes something first takes the account's row, so whatever happens to one account happens in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from app.db import LostRace, Row, Session, as_moment
from app.errors import AppError
from app.ledger.posting import Account, keep, open_account, pay_debt, post, take, take_for_hold
from app.ledger.rates import TOKENS_MAX, Rates

__all__ = ["open_account"]  # Reached as one of the verbs.
Outcome = Literal["settled", "released", "expired"]
REFERENCE_CHARS_MAX = 255
AMOUNT_MAX = 10**15


class InsufficientTokens(AppError):
    status, code = 402, "insufficient_tokens"
    message = "This needs {needed} tokens and {available} are available."


class ReferenceReused(AppError):
    status, code, message = 409, "reference_reused", "This was already booked with other values."


class UnknownHold(LookupError):
    """A program asked for a hold that was never taken."""


@dataclass(frozen=True, slots=True)
class Balance:
    balance: int
    held: int
    owed: int

    @property
    def available(self) -> int:
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class Terms:
    """What a hold is for, and at which price."""

    prompt_tokens: int
    max_tokens: int
    rates: Rates
    model: str = ""
    conversation_id: str | None = None
    message_id: str | None = None

    @property
    def tokens(self) -> int:
        """The worst case, which is what is held; a free reply still holds one token, so that it can be found."""
        return max(1, self.rates.cost(self.prompt_tokens, self.max_tokens))


@dataclass(frozen=True, slots=True)
class Used:
    """What a reply took, and who counted it. Another model than the one asked for lends its price when it is lower."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    counted_by: str = ""
    answered_by: str | None = None
    rates: Rates | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    hold_id: str
    outcome: Outcome
    prompt_tokens: int
    completion_tokens: int
    charged: int
    surplus: int
    released: int
    balance_after: int


async def balance(session: Session, user_id: str) -> Balance:
    row = await session.row("SELECT balance, held, owed FROM ledger_accounts WHERE user_id = $1", user_id)
    return Balance(row["balance"], row["held"], row["owed"]) if row else Balance(0, 0, 0)


async def debt_paid_by(session: Session, kind: str, reference: str) -> int:
    """How much of that grant went into what was owed."""
    sql = "SELECT -tokens AS paid FROM ledger_entries WHERE kind = 'debt' AND reference = $1"
    row = await session.row(sql, f"{kind}:{reference}")
    return int(row["paid"]) if row else 0


async def credit(session: Session, user_id: str, tokens: int, *, kind: str, reference: str) -> int:
    """Adds tokens and pays what is owed from them. Answers with the balance after the grant itself."""
    _require_sane(tokens, reference)
    account = await take(session, user_id)
    before = await _booked(session, user_id, tokens, kind, reference)
    if before:
        return int(before[0]["balance_after"])
    after = await post(session, account, tokens, kind, reference)
    await pay_debt(session, account, f"{kind}:{reference}")
    session.tell(user_id)
    return after


async def debit(session: Session, user_id: str, tokens: int, *, kind: str, reference: str) -> int:
    """Takes tokens back as far as they are there; the rest is owed. Answers with what was taken from the balance."""
    _require_sane(tokens, reference)
    account = await take(session, user_id)
    before = await _booked(session, user_id, -tokens, kind, reference)
    if before:
        return -sum(int(row["tokens"]) for row in before if row["balance_after"] is not None)
    taken = min(tokens, account.available)
    if taken:
        await post(session, account, -taken, kind, reference)
    if tokens > taken:
        await _owe(session, account, tokens - taken, kind, reference)
    session.tell(user_id)
    return taken


async def hold(session: Session, user_id: str, terms: Terms, *, hold_id: str, lifetime: timedelta) -> int:
    """Sets the worst case of a reply aside, or raises; the unit must then not go on. One conditional write takes it.

    Answers with the balance, which a hold leaves as it is.
    """
    taken = await session.row(TAKE_HOLD, user_id, terms.tokens, hold_id)
    if taken is None:
        return await _explain_no_hold(session, user_id, terms, hold_id)
    at = as_moment(taken["at"])
    written = await session.run(
        WRITE_HOLD,
        *(hold_id, user_id, terms.tokens, terms.prompt_tokens, terms.max_tokens, terms.rates.input, terms.rates.output),
        *(terms.model, terms.conversation_id, terms.message_id, at, at + lifetime),
    )
    if not written:
        raise LostRace
    session.tell(user_id)
    return int(taken["balance"])


async def settle(session: Session, hold_id: str, used: Used) -> Resolution:
    """Charges what was used, never more than was held, and frees the rest. Whoever comes second reads how it ended."""
    return await resolve(session, hold_id, "settled", used)


async def release(session: Session, hold_id: str) -> Resolution:
    """Frees all of it: nothing was used."""
    return await resolve(session, hold_id, "released", Used())


async def resolve(session: Session, hold_id: str, outcome: Outcome, used: Used) -> Resolution:
    taken = await take_for_hold(session, hold_id)
    if taken is None:
        raise UnknownHold(hold_id)
    account, held = taken
    prompt, completion = sane(used.prompt_tokens), sane(used.completion_tokens)
    agreed = Rates(held["input_rate"], held["output_rate"])
    rates = min(agreed, used.rates or agreed, key=lambda rates: rates.cost(prompt, completion))
    cost = rates.cost(prompt, completion)
    charged = min(cost, held["tokens"])
    won = await session.run(
        WRITE_RESOLUTION,
        *(hold_id, account.user_id, outcome, prompt, completion, used.counted_by, charged, cost - charged),
        *(account.balance - charged, account.at, used.answered_by, rates.input, rates.output),
    )
    if not won:
        return await _resolution(session, hold_id)
    account.held -= held["tokens"]
    after = await post(session, account, -charged, "usage", hold_id) if charged else await keep(session, account)
    await pay_debt(session, account, f"hold:{hold_id}")
    session.tell(account.user_id)
    freed = held["tokens"] - charged
    return Resolution(hold_id, outcome, prompt, completion, charged, cost - charged, freed, after)


def sane(claimed: object) -> int:
    """A count from outside may be anything; what is not a count is nothing, and no count is beyond all measure."""
    return min(max(claimed, 0), TOKENS_MAX) if isinstance(claimed, int) and not isinstance(claimed, bool) else 0


async def _explain_no_hold(session: Session, user_id: str, terms: Terms, hold_id: str) -> int:
    """Either this very hold was taken before, and all is well, or there is not enough."""
    before = await session.row(FIND_HOLD, hold_id)
    found = await balance(session, user_id)
    if before is not None:
        asked = (user_id, terms.prompt_tokens, terms.max_tokens, terms.rates.input, terms.rates.output)
        if tuple(before) != asked:
            raise ReferenceReused
        return found.balance
    affordable = terms.rates.affordable(found.available, terms.prompt_tokens)
    raise InsufficientTokens(
        balance=found.balance, available=found.available, needed=terms.tokens, affordable=affordable
    )


async def _resolution(session: Session, hold_id: str) -> Resolution:
    row = await session.row(READ_RESOLUTION, hold_id)
    assert row is not None
    return Resolution(*row)


async def _booked(session: Session, user_id: str, tokens: int, kind: str, reference: str) -> list[Row]:
    """What this reference did before: nothing, or the very same, or it is refused."""
    rows = await session.rows(FIND_BOOKED, kind, reference)
    if rows and ({row["user_id"] for row in rows}, sum(row["tokens"] for row in rows)) != ({user_id}, tokens):
        raise ReferenceReused
    return rows


async def _owe(session: Session, account: Account, tokens: int, kind: str, reference: str) -> None:
    account.owed += tokens
    if not await session.run(WRITE_DEBT, kind, reference, account.user_id, tokens, account.at):
        raise LostRace
    await keep(session, account)


def _require_sane(tokens: int, reference: str) -> None:
    """A wrong amount or name here is a mistake of ours, so it is loud."""
    if not 0 < tokens <= AMOUNT_MAX:
        raise ValueError(f"{tokens} is not an amount of tokens.")
    if not 0 < len(reference) <= REFERENCE_CHARS_MAX or not reference.isprintable():
        raise ValueError(f"{reference!r} is not a reference.")


# A debit may have left an entry, a debt, or both; only an entry has a balance after it.
FIND_BOOKED = """
SELECT user_id, tokens, balance_after FROM ledger_entries WHERE kind = $1 AND reference = $2
UNION ALL SELECT user_id, -tokens, NULL FROM ledger_debts WHERE kind = $1 AND reference = $2
"""
WRITE_DEBT = """
INSERT INTO ledger_debts (kind, reference, user_id, tokens, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (kind, reference) DO NOTHING
"""
FIND_HOLD = "SELECT user_id, prompt_tokens, max_tokens, input_rate, output_rate FROM holds WHERE id = $1"
TAKE_HOLD = """
UPDATE ledger_accounts SET held = held + $2
WHERE user_id = $1 AND balance - held >= $2 AND NOT EXISTS (SELECT 1 FROM holds WHERE id = $3)
RETURNING balance, now() AS at
"""
WRITE_HOLD = """
INSERT INTO holds (id, user_id, tokens, prompt_tokens, max_tokens, input_rate, output_rate,
                   model, conversation_id, message_id, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING
"""
WRITE_RESOLUTION = """
INSERT INTO hold_resolutions (hold_id, user_id, outcome, prompt_tokens, completion_tokens, counted_by,
                              charged, surplus, balance_after, created_at, answered_by, input_rate, output_rate)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (hold_id) DO NOTHING
"""
READ_RESOLUTION = """
SELECT hold_id, outcome, hold_resolutions.prompt_tokens, completion_tokens, charged, surplus,
       tokens - charged AS released, balance_after
FROM hold_resolutions JOIN holds ON holds.id = hold_resolutions.hold_id WHERE hold_id = $1
"""
