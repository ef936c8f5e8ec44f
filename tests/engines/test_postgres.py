"""What only Postgres can do wrong: locks of a worker that stands still, and connections that the server closes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from app.db import Database, DatabaseUnavailable, LockedOut, Session
from app.engines.postgres import PostgresEngine
from app.engines.session import Reshaped, nobody
from tests.databases import Databases
from tests.engines.conftest import TABLE
from tests.figures import figure

LOCK_SECONDS, IDLE_SECONDS = 0.2, 0.6
TAKE = "UPDATE things SET yes = true WHERE id = 1"


@pytest_asyncio.fixture
async def engine(databases: Databases, tmp_path: Path) -> AsyncIterator[PostgresEngine]:
    if databases.kind != "postgres":
        pytest.skip("It is about Postgres.")
    url = databases.fresh(tmp_path, migrated=False).replace("+asyncpg", "")
    engine = PostgresEngine(url, nobody, pool_max=5, lock_seconds=LOCK_SECONDS, idle_seconds=IDLE_SECONDS)
    await engine.open(exclusive=False)
    async with engine.begin() as session:
        await session.run(TABLE)
        await session.run("INSERT INTO things (id) VALUES (1), (2)")
    yield engine
    await engine.close()


async def stand_still(engine: PostgresEngine, taken: asyncio.Event, over: asyncio.Event) -> None:
    """As a worker does that is frozen in the middle of a unit."""
    async with engine.begin() as session:
        await session.run(TAKE)
        taken.set()
        await over.wait()
        await session.run("UPDATE things SET yes = true WHERE id = 2")


async def test_who_waits_for_a_lock_is_told_soon_and_others_go_on(engine: PostgresEngine) -> None:
    taken, over = asyncio.Event(), asyncio.Event()
    holding = asyncio.create_task(stand_still(engine, taken, over))
    await taken.wait()

    began = time.monotonic()
    with pytest.raises(LockedOut) as refused:
        async with engine.begin() as session:
            await session.run(TAKE)
    seconds = time.monotonic() - began
    async with engine.begin() as session:
        changed = await session.run("UPDATE things SET yes = false WHERE id = 2")
    over.set()
    await holding

    assert changed == 1
    assert (refused.value.status, int(refused.value.headers["Retry-After"]) > 0) == (503, True)
    figure("L9: who waits for a lock is told after", seconds, IDLE_SECONDS, "s")


async def test_locks_of_a_worker_that_stands_still_are_freed_and_its_unit_fails(engine: PostgresEngine) -> None:
    taken, over = asyncio.Event(), asyncio.Event()
    holding = asyncio.create_task(stand_still(engine, taken, over))
    await taken.wait()

    await take(engine)
    over.set()
    (thawed,) = await asyncio.gather(holding, return_exceptions=True)
    async with engine.read() as session:
        rows = await session.rows("SELECT id FROM things WHERE yes ORDER BY id")

    assert isinstance(thawed, DatabaseUnavailable)
    assert [row["id"] for row in rows] == [1]


async def take(engine: PostgresEngine) -> None:
    """As soon as nobody keeps it any more."""
    async with asyncio.timeout(10 * IDLE_SECONDS):
        while not await was_taken(engine):
            pass


async def was_taken(engine: PostgresEngine) -> bool:
    try:
        async with engine.begin() as session:
            await session.run(TAKE)
    except LockedOut:
        return False
    return True


async def test_a_connection_that_the_server_closed_is_not_used_again(engine: PostgresEngine) -> None:
    for _ in range(4):
        taken, over = asyncio.Event(), asyncio.Event()
        holding = asyncio.create_task(stand_still(engine, taken, over))
        await taken.wait()
        await take(engine)
        over.set()
        with pytest.raises(DatabaseUnavailable):
            await holding

    assert await asyncio.gather(*(was_taken(engine) for _ in range(4))) == [True] * 4


async def test_a_unit_apart_waits_for_none_of_the_others(engine: PostgresEngine) -> None:
    begun = [asyncio.Event() for _ in range(2)]
    over = asyncio.Event()

    async def keep_a_connection(has_begun: asyncio.Event) -> None:
        async with engine.read():
            has_begun.set()
            await over.wait()

    keeping = [asyncio.create_task(keep_a_connection(each)) for each in begun]
    await asyncio.gather(*(each.wait() for each in begun))
    async with asyncio.timeout(5), engine.begin_apart() as session:
        changed = await session.run(TAKE)
    over.set()
    await asyncio.gather(*keeping)

    assert changed == 1


async def test_a_migration_under_a_running_worker_is_met_by_another_try(databases: Databases, tmp_path: Path) -> None:
    if databases.kind != "postgres":
        pytest.skip("It is about Postgres.")
    url = databases.fresh(tmp_path, migrated=False)
    db = Database(url)
    await db.open()
    async with db.begin() as session:
        await session.run(TABLE)
        await session.run("INSERT INTO things (id) VALUES (1)")
    await look_four_times(db)
    await add_a_column(url, "one")
    tried_again = await look_four_times(db)
    await add_a_column(url, "two")
    with pytest.raises(Reshaped) as refused:
        async with db.begin() as session:
            await look(session)
    async with db.begin() as session:
        after = await look(session)
    await db.close()

    assert tried_again == [{"id", "at", "yes", "one"}] * 4
    assert (refused.value.status, after) == (503, {"id", "at", "yes", "one", "two"})


async def look(session: Session) -> set[str]:
    (row,) = await session.rows("SELECT * FROM things")
    return set(row.keys())


async def look_four_times(db: Database) -> list[set[str]]:
    return [await db.transact(look, of=of) for of in (None, "ann", None, "ben")]


async def add_a_column(url: str, name: str) -> None:
    somebody_else = await asyncpg.connect(url.replace("+asyncpg", ""))
    await somebody_else.execute(f"ALTER TABLE things ADD COLUMN {name} BIGINT")
    await somebody_else.close()
