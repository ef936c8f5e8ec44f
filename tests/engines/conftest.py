from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from app.db import Database
from tests.databases import Databases
from tests.engines.crowd import Crowd, gathering

TABLE = "CREATE TABLE things (id BIGINT NOT NULL PRIMARY KEY, at TIMESTAMPTZ, yes BOOLEAN, CHECK (id < 1000000))"


@pytest_asyncio.fixture
async def db(databases: Databases, tmp_path: Path) -> AsyncIterator[Database]:
    """On the engine that the run is for, with one table of ours."""
    db = Database(databases.fresh(tmp_path, migrated=False))
    async for opened in _with_table(db):
        yield opened


@pytest_asyncio.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """On SQLite whatever the run is for: what this shows does not exist on Postgres."""
    async for opened in _with_table(Database(f"sqlite+aiosqlite:///{tmp_path}/things.db")):
        yield opened


async def _with_table(db: Database) -> AsyncIterator[Database]:
    await db.open()
    async with db.begin() as session:
        await session.run(TABLE)
    yield db
    await db.close()


async def ids(db: Database) -> list[int]:
    async with db.read() as session:
        return [row["id"] for row in await session.rows("SELECT id FROM things ORDER BY id")]


@pytest_asyncio.fixture
async def crowd(db: Database) -> AsyncIterator[Crowd]:
    async with gathering(db) as crowd:
        yield crowd
