"""The way from any earlier schema to today's: Alembic, one revision a change, inside the wheel."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.engines.session import DatabaseUnavailable

# Any number will do, as long as every server asks for the same one.
POSTGRES_LOCK = 7_766_366
CONNECT_SECONDS = 10.0
# Of a new SQLite file. A turn changes a few bytes on each of some fifty pages, and every changed page is written whole.
PAGE_BYTES = 2048

# At each start it would tell that SQLite's DDL is not transactional; inside our one transaction it is.
logging.getLogger("alembic").setLevel(logging.WARNING)


async def upgrade(url: str, revision: str = "head") -> None:
    await _run(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: str, revision: str) -> None:
    await _run(url, lambda config: command.downgrade(config, revision))


async def current(url: str) -> str | None:
    engine = engine_for(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda plain: MigrationContext.configure(plain).get_current_revision())
    finally:
        await engine.dispose()


def is_there(url: str) -> bool:
    """Looking at a SQLite file that is not there would make it."""
    return not url.startswith("sqlite") or Path(url.partition(":///")[2]).exists()


def head() -> str:
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def knows(revision: str) -> bool:
    """No for a database that a newer version has moved on."""
    return revision in {known.revision for known in ScriptDirectory.from_config(_config()).walk_revisions()}


async def _run(url: str, move: Callable[[Config], None]) -> None:
    engine = engine_for(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_move, move)
    finally:
        await engine.dispose()


def _move(connection: Connection, move: Callable[[Config], None]) -> None:
    """One transaction around it all, and one server at a time: a half-migrated database is never seen."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({POSTGRES_LOCK})"))
    else:
        connection.exec_driver_sql(f"PRAGMA page_size={PAGE_BYTES}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    config = _config()
    config.attributes["connection"] = connection
    move(config)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def engine_for(url: str) -> AsyncEngine:
    if url.startswith("sqlite"):
        Path(url.partition(":///")[2]).parent.mkdir(parents=True, exist_ok=True)
        return create_async_engine(url, poolclass=NullPool)
    dsn = url.replace("+asyncpg", "", 1)
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda *_, **__: _connect(dsn),
        poolclass=NullPool,
    )


async def _connect(dsn: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
    except OSError as error:
        raise DatabaseUnavailable from error
