"""The ledger as anybody would explain it: dictionaries and sums, no database. The real one must never differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from app.ledger.ledger import (
    AMOUNT_MAX,
    Balance,
    InsufficientTokens,
    Outcome,
    ReferenceReused,
    Resolution,
    Terms,
    UnknownHold,
)

Cause = tuple[str, str]
Entry = tuple[str, str, str, int, int]


@dataclass
class Purse:
    balance: int = 0
    held: int = 0
    owed: int = 0

    @property
    def available(self) -> int:
        return self.balance - self.held


@dataclass
class TakenHold:
    user_id: str
    terms: Terms
    expires_at: datetime


@dataclass
class Model:
    """`entries` are (user, kind, reference, tokens, balance after), in the order in which they were made."""

    purses: dict[str, Purse] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    answers: dict[Cause, tuple[str, int, int]] = field(default_factory=dict)
    holds: dict[str, TakenHold] = field(default_factory=dict)
    resolutions: dict[str, Resolution] = field(default_factory=dict)

    def balance(self, user_id: str) -> Balance:
        purse = self.purses[user_id]
        return Balance(purse.balance, purse.held, purse.owed)

    def credit(self, user_id: str, tokens: int, kind: str, reference: str) -> int:
        if (before := self._answered(user_id, tokens, (kind, reference))) is not None:
            return before
        after = self._move(user_id, tokens, kind, reference)
        self._pay(user_id, f"{kind}:{reference}")
        return self._answer(user_id, tokens, (kind, reference), after)

    def debit(self, user_id: str, tokens: int, kind: str, reference: str) -> int:
        if (before := self._answered(user_id, -tokens, (kind, reference))) is not None:
            return before
        purse = self.purses[user_id]
        taken = min(tokens, purse.available)
        if taken:
            self._move(user_id, -taken, kind, reference)
        purse.owed += tokens - taken
        return self._answer(user_id, -tokens, (kind, reference), taken)

    def hold(self, user_id: str, terms: Terms, hold_id: str, expires_at: datetime) -> int:
        if before := self.holds.get(hold_id):
            if (before.user_id, before.terms) != (user_id, terms):
                raise ReferenceReused
            return self.purses[user_id].balance
        purse = self.purses[user_id]
        if purse.available < terms.tokens:
            raise InsufficientTokens(balance=purse.balance, available=purse.available, needed=terms.tokens)
        purse.held += terms.tokens
        self.holds[hold_id] = TakenHold(user_id, terms, expires_at)
        return purse.balance

    def resolve(self, hold_id: str, outcome: Outcome, prompt: int, completion: int) -> Resolution:
        if hold_id not in self.holds:
            raise UnknownHold
        if hold_id not in self.resolutions:
            taken = self.holds[hold_id]
            tokens, rates = taken.terms.tokens, taken.terms.rates
            cost, remainder = divmod(prompt * rates.input + completion * rates.output, 1000)
            cost += remainder > 0
            charged = min(cost, tokens)
            self.purses[taken.user_id].held -= tokens
            if charged:
                self._move(taken.user_id, -charged, "usage", hold_id)
            self.resolutions[hold_id] = Resolution(
                *(hold_id, outcome, prompt, completion, charged, cost - charged, tokens - charged),
                self.purses[taken.user_id].balance,
            )
            self._pay(taken.user_id, f"hold:{hold_id}")
        return self.resolutions[hold_id]

    def overdue(self, now: datetime) -> list[str]:
        return [name for name in self.open_holds() if self.holds[name].expires_at <= now]

    def open_holds(self) -> list[str]:
        return [hold_id for hold_id in self.holds if hold_id not in self.resolutions]

    def happenings(self) -> Counter[str]:
        """How often which kind of thing happened, so that a test can see what it has met."""
        seen = Counter(kind for _, kind, *_ in self.entries)
        paid = [reference for _, kind, reference, *_ in self.entries if kind == "debt"]
        seen["a freed hold pays a debt"] = sum(reference.startswith("hold:") for reference in paid)
        seen["a grant pays a debt"] = len(paid) - seen["a freed hold pays a debt"]
        seen["owed"] = sum(-signed > answer for _, signed, answer in self.answers.values() if signed < 0)
        seen.update(resolution.outcome for resolution in self.resolutions.values())
        seen["surplus"] = sum(resolution.surplus > 0 for resolution in self.resolutions.values())
        return seen

    def numbered_entries(self) -> list[tuple[str, int, str, str, int, int]]:
        """(user, sequence, kind, reference, tokens, balance after): each person's entries count from one."""
        numbers: Counter[str] = Counter()
        numbered = []
        for user_id, kind, reference, tokens, after in self.entries:
            numbers[user_id] += 1
            numbered.append((user_id, numbers[user_id], kind, reference, tokens, after))
        return numbered

    def _answered(self, user_id: str, signed: int, cause: Cause) -> int | None:
        assert abs(signed) <= AMOUNT_MAX
        if cause not in self.answers:
            return None
        who, how_many, answer = self.answers[cause]
        if (who, how_many) != (user_id, signed):
            raise ReferenceReused
        return answer

    def _answer(self, user_id: str, signed: int, cause: Cause, answer: int) -> int:
        self.answers[cause] = (user_id, signed, answer)
        return answer

    def _move(self, user_id: str, tokens: int, kind: str, reference: str) -> int:
        purse = self.purses[user_id]
        purse.balance += tokens
        self.entries.append((user_id, kind, reference, tokens, purse.balance))
        return purse.balance

    def _pay(self, user_id: str, reference: str) -> None:
        purse = self.purses[user_id]
        if paid := min(purse.owed, purse.available):
            purse.owed -= paid
            self._move(user_id, -paid, "debt", reference)
