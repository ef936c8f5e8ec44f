"""What a database says about itself, in words that do not depend on who made its tables."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from typing import Any

import asyncpg
from sqlalchemy import Connection, Inspector, MetaData, inspect, text
from sqlalchemy.engine.interfaces import ReflectedColumn

from app import migrations

NOT_OURS = {"alembic_version"}
# TEXT and VARCHAR without a length are the same thing on both engines.
FAMILIES = {"TEXT": "VARCHAR", "INT": "INTEGER", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ", "BOOL": "BOOLEAN"}
SQLITE_TYPES = "SELECT name, type FROM pragma_table_xinfo(:table)"
SQLITE_INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :table AND sql IS NOT NULL"
SQLITE_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
SQLITE_KEYS = """
    SELECT id, group_concat("from") || ' to ' || "table" || '(' || group_concat("to") || ') ' || on_update || on_delete
    FROM (SELECT * FROM pragma_foreign_key_list(:table) ORDER BY id, seq) GROUP BY id
"""
POSTGRES_TYPES = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped
"""
POSTGRES_INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = :table"
POSTGRES_TRIGGERS = """
    SELECT tgname, pg_get_triggerdef(pg_trigger.oid) || ' ' || prosrc
    FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal
"""
POSTGRES_KEYS = """
    SELECT oid, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'f' AND conrelid = CAST(:table AS regclass)
"""
# SQLite has none.
POSTGRES_FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
# What SQLAlchemy's inspector does not tell, or only in part: each engine's own catalogue has it whole.
STATEMENTS = {
    "sqlite": (SQLITE_TYPES, SQLITE_KEYS, SQLITE_INDEXES, SQLITE_TRIGGERS),
    "postgresql": (POSTGRES_TYPES, POSTGRES_KEYS, POSTGRES_INDEXES, POSTGRES_TRIGGERS),
}
Description = dict[str, dict[str, Any]]


def describe(url: str) -> Description:
    return asyncio.run(_on(url, _describe))


def functions(url: str) -> dict[str, str]:
    return asyncio.run(_on(url, _functions))


def make_tables(url: str, metadata: MetaData) -> None:
    asyncio.run(_on(url, metadata.create_all))


def run_script(url: str, script: str) -> None:
    """Many statements at once, as the engine's own shell would run them."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.partition(":///")[2])
        connection.executescript(script)
        connection.close()
    else:
        asyncio.run(_run_on_postgres(url.replace("+asyncpg", "", 1), script))


async def _run_on_postgres(dsn: str, script: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


async def _on(url: str, work: Any) -> Any:
    engine = migrations.engine_for(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _describe(connection: Connection) -> Description:
    found = inspect(connection)
    names = set(found.get_table_names()) - NOT_OURS
    return {table: _describe_table(connection, found, table) for table in sorted(names)}


def _functions(connection: Connection) -> dict[str, str]:
    if connection.dialect.name == "sqlite":
        return {}
    return {name: _plain(source) for name, source in connection.execute(text(POSTGRES_FUNCTIONS))}


def _describe_table(connection: Connection, found: Inspector, table: str) -> dict[str, Any]:
    types, keys, indexes, triggers = (_pairs(connection, sql, table) for sql in STATEMENTS[connection.dialect.name])
    return {
        "columns": {
            column["name"]: (_family(types[column["name"]]), column["nullable"], _made_of(column))
            for column in found.get_columns(table)
        },
        "primary key": found.get_pk_constraint(table)["constrained_columns"],
        "unique": sorted(unique["column_names"] for unique in found.get_unique_constraints(table)),
        "points at": sorted(keys.values()),
        "checks": sorted(_plain(check["sqltext"]) for check in found.get_check_constraints(table)),
        "indexes": {name: _plain(sql) for name, sql in indexes.items()},
        "triggers": {name: _plain(sql) for name, sql in triggers.items()},
    }


def _pairs(connection: Connection, sql: str, table: str) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in connection.execute(text(sql), {"table": table})}


def _made_of(column: ReflectedColumn) -> str:
    """What it is when nobody says, or always."""
    return _plain(column["computed"]["sqltext"] if "computed" in column else column["default"] or "")


def _family(written: str) -> str:
    name = written.upper().replace("CHARACTER VARYING", "VARCHAR")
    return FAMILIES.get(name, name)


def _plain(sql: str) -> str:
    """The same statement however it is wrapped, quoted or commented; words inside quotes keep their case."""
    sql = " ".join(re.sub(r"--[^\n]*", "", sql).replace('"', "").split())
    sql = re.sub(r"\s*([(),;=<>+-])\s*", r"\1", sql)
    return re.sub(r"('[^']*')|([^']+)", lambda part: part[1] or part[2].lower(), sql)
