"""A process that books and says so: one line on stdout for each unit, written only after it was durable.

Run as `python -m tests.ledger.client URL RUN WORK`, where WORK is `mixed` (until killed), `holds N` or `credits N`.
A line is `<what> <reference> <tokens>`; a refusal for want of tokens is `refused <reference> 0`.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from itertools import count

from app.db import Database, Session
from app.ledger import ledger
from app.ledger.ledger import InsufficientTokens, Terms, Used
from app.ledger.rates import Rates

CLIENTS = 4
HOUR = timedelta(hours=1)


def used_by(reference: str) -> int:
    """What a reply took follows from its name, so that whoever repeats it repeats the same."""
    return sum(reference.encode()) % 10


async def take(session: Session, user_id: str, reference: str, tokens: int) -> None:
    await ledger.hold(session, user_id, Terms(0, tokens, Rates()), hold_id=reference, lifetime=HOUR)


async def perform(db: Database, what: str, user_id: str, reference: str) -> int:
    """Answers with the tokens that moved, which a repetition must answer as well."""
    if what == "hold":
        await db.transact(lambda session: take(session, user_id, reference, 10), of=user_id)
        return 10
    if what == "settle":
        used = Used(0, used_by(reference), "test")
        return (await db.transact(lambda session: ledger.settle(session, reference, used), of=user_id)).charged
    return await db.transact(lambda session: ledger.credit(session, user_id, 7, kind="purchase", reference=reference))


def say(what: str, reference: str, tokens: int) -> None:
    sys.stdout.write(f"{what} {reference} {tokens}\n")
    sys.stdout.flush()


async def book(db: Database, user_id: str, name: str) -> None:
    for number in count():
        for what in ("credit", "hold", "settle"):
            reference = f"{name}-{number}"
            say(what, reference, await perform(db, what, user_id, reference))


async def hold_once(db: Database, user_id: str, reference: str) -> None:
    try:
        await db.transact(lambda session: take(session, user_id, reference, 10), of=user_id)
        say("hold", reference, 10)
    except InsufficientTokens:
        say("refused", reference, 0)


async def main(url: str, run: str, work: str, times: str = "0") -> None:
    db = Database(url)
    await db.open()
    async with db.read() as session:
        people = [str(row[0]) for row in await session.rows("SELECT user_id FROM ledger_accounts ORDER BY user_id")]
    say("ready", run, 0)
    await asyncio.to_thread(sys.stdin.readline)
    if work == "mixed":
        owners = (people[client % len(people)] for client in range(CLIENTS))
        await asyncio.gather(*(book(db, owner, f"{run}-{client}") for client, owner in enumerate(owners)))
    elif work == "holds":
        await asyncio.gather(*(hold_once(db, people[0], f"{run}-{number}") for number in range(int(times))))
    else:
        for number in range(int(times)):
            reference = f"{run}-{number}"
            say("credit", reference, await perform(db, "credit", people[0], reference))
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
