"""A hold and its settlement, by our ledger and by the bare driver, on either engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from app.accounts import accounts
from app.db import Database
from app.ids import new_id
from app.ledger import ledger
from app.ledger.ledger import Terms, Used
from app.ledger.rates import Rates
from scripts.bench.drivers import CHARGED, HELD, HOUR, BarePostgres, BareSqlite
from scripts.bench.measure import Step

CLIENTS = 32
PLENTY = 10**12
TERMS = Terms(0, HELD, Rates(), "m")
USED = Used(0, CHARGED, "bench")


async def people(url: str, number: int) -> list[str]:
    db, found = Database(url), []
    await db.open()
    for place in range(number):
        async with db.begin() as session:
            user = await accounts.create(session, f"{place}@example.com", "-", datetime.now(UTC))
            await ledger.credit(session, user.id, PLENTY, kind="welcome", reference=user.id)
            found.append(user.id)
    await db.close()
    return found


@asynccontextmanager
async def ours(url: str, users: list[str]) -> AsyncIterator[Step]:
    db = Database(url)
    await db.open()

    async def step(client: int, _number: int) -> None:
        # Ids that sort by time, as a turn's do: where in an index a row goes is a part of what it costs.
        user_id, hold_id = users[client % len(users)], new_id("hld")
        await db.transact(
            lambda session: ledger.hold(session, user_id, TERMS, hold_id=hold_id, lifetime=HOUR), of=user_id
        )
        await db.transact(lambda session: ledger.settle(session, hold_id, USED), of=user_id)

    try:
        yield step
    finally:
        await db.close()


@asynccontextmanager
async def the_driver(url: str, users: list[str]) -> AsyncIterator[Step]:
    if url.startswith("sqlite"):
        sqlite = BareSqlite(Path(url.partition(":///")[2]))

        async def step(_client: int, number: int) -> None:
            await sqlite.pair(users[number % len(users)], new_id("hld"))

        try:
            yield step
        finally:
            await sqlite.close()
        return
    postgres = BarePostgres([await asyncpg.connect(url.replace("+asyncpg", "")) for _ in range(CLIENTS)])

    async def step_there(client: int, _number: int) -> None:
        await postgres.pair(client, users[client % len(users)], new_id("hld"))

    try:
        yield step_there
    finally:
        await postgres.close()


WAYS = {"our ledger": ours, "the driver, one by one": the_driver}
