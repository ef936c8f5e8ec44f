"""Wakes when something about the account is told, and in any case every few seconds.

The regular look is what ends the channel after a logout, and what notices changes that another process made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.conversations import changes
from app.conversations.changes import Change
from app.db import Database, Session
from app.edge.shapes import Out
from app.edge.sse import frame
from app.errors import Unauthenticated
from app.ledger import ledger
from app.streams.topics import Topics

LOOK_SECONDS = 3.0
# What else there is to tell about an account, from a room that this one does not know.
Payments = Callable[[Session, str], Awaitable[Sequence[Out]]]
StillMe = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Look:
    balance: dict[str, Any]
    conversations: list[Change]
    payments: Sequence[Out]


async def follow(
    db: Database, topics: Topics, user_id: str, still_me: StillMe, payments: Payments
) -> AsyncIterator[bytes]:
    number, before = 0, None
    with topics.follow(user_id) as follower:
        while True:
            now = await _look(db, user_id, payments)
            for event, data in _news(before, now):
                yield frame(number, event, data)
                number += 1
            before = now
            if not await follower.wait(LOOK_SECONDS) and not await _stands(still_me):
                return


def _news(before: Look | None, now: Look) -> Iterator[tuple[str, dict[str, Any]]]:
    """The balance at first, then whatever differs; a tab that opens has just loaded its conversations."""
    if before is None or before.balance != now.balance:
        yield "balance", now.balance
    if before is not None:
        for payment in reversed(now.payments):
            if payment not in before.payments:
                yield "payment", payment.model_dump(mode="json")
        for change in changes.between(before.conversations, now.conversations):
            yield "conversation", change.model_dump(mode="json")


async def _stands(still_me: StillMe) -> bool:
    try:
        await still_me()
    except Unauthenticated:
        return False
    return True


async def _look(db: Database, user_id: str, payments: Payments) -> Look:
    async with db.read() as session:
        has = await ledger.balance(session, user_id)
        newest = await changes.newest(session, user_id)
        paid = await payments(session, user_id)
    return Look({"balance": has.balance, "held": has.held, "available": has.available}, newest, paid)
