"""Units of two statements on SQLite with a full sync: our writer, the driver in one thread, and aiosqlite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import aiosqlite

from app.db import Database
from app.engines.sqlite_session import PRAGMAS, connect
from scripts.bench.drivers import (
    COUNT_THING,
    FIRST_COUNT,
    INSERT_THING,
    MAKE_COUNT,
    MAKE_THINGS,
    two_statements,
)
from scripts.bench.measure import Step

# One row is written once, whichever way and round.
NUMBERS = count(1)


def new_file(path: Path) -> Path:
    raw = connect(path)
    for statement in (MAKE_THINGS, MAKE_COUNT, FIRST_COUNT):
        raw.execute(statement)
    raw.close()
    return path


@asynccontextmanager
async def ours(path: Path) -> AsyncIterator[Step]:
    db = Database(f"sqlite+aiosqlite:///{path}")
    await db.open()

    async def step(_client: int, _number: int) -> None:
        async with db.begin() as session:
            await session.run(INSERT_THING, next(NUMBERS))
            await session.run(COUNT_THING)

    try:
        yield step
    finally:
        await db.close()


@asynccontextmanager
async def the_driver(path: Path) -> AsyncIterator[Step]:
    raw = connect(path)

    async def step(_client: int, _number: int) -> None:
        two_statements(raw, next(NUMBERS))

    try:
        yield step
    finally:
        raw.close()


@asynccontextmanager
async def with_aiosqlite(path: Path) -> AsyncIterator[Step]:
    """One connection and a lock around it, as its users do who want a transaction."""
    connection, lock = await aiosqlite.connect(path, isolation_level=None), asyncio.Lock()
    for pragma in PRAGMAS:
        await connection.execute(f"PRAGMA {pragma}")

    async def step(_client: int, _number: int) -> None:
        async with lock:
            await connection.execute("BEGIN IMMEDIATE")
            await connection.execute(INSERT_THING.replace("$1", "?"), (next(NUMBERS),))
            await connection.execute(COUNT_THING)
            await connection.execute("COMMIT")

    try:
        yield step
    finally:
        await connection.close()


WAYS = {"our writer": ours, "sqlite3, a commit each": the_driver, "aiosqlite, a commit each": with_aiosqlite}
