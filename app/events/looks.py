"""What there is to tell about an account: how it is now, held against how it was at the look before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.conversations import changes
from app.conversations.changes import Change
from app.db import Database, Session
from app.edge.shapes import Out
from app.ledger import ledger

# What else there is to tell about an account, from a room that this one does not know.
Payments = Callable[[Session, str], Awaitable[Sequence[Out]]]


@dataclass(frozen=True)
class Look:
    balance: dict[str, Any]
    conversations: list[Change]
    payments: Sequence[Out]


# What somebody has seen who was away: the latest of everything is news to them.
NOTHING = Look({}, [], [])


async def look(db: Database, user_id: str, payments: Payments) -> Look:
    async with db.read() as session:
        has = await ledger.balance(session, user_id)
        newest = await changes.newest(session, user_id)
        paid = await payments(session, user_id)
    return Look({"balance": has.balance, "held": has.held, "available": has.available}, newest, paid)


def news(before: Look | None, now: Look) -> Iterator[tuple[str, dict[str, Any]]]:
    """The balance at first, then whatever differs; who comes for the first time has just loaded the rest."""
    if before is None or before.balance != now.balance:
        yield "balance", now.balance
    if before is not None:
        for payment in reversed(now.payments):
            if payment not in before.payments:
                yield "payment", payment.model_dump(mode="json")
        for change in changes.between(before.conversations, now.conversations):
            yield "conversation", change.model_dump(mode="json")
