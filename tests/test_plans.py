"""No statement of the house walks through a whole table that grows, but for those that are named here, with why."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.conversations import messages
from app.db import Database, Session
from app.ledger import usage
from tests.databases import Databases
from tests.statements import statements

# Bounded by something else than time: what is sold, and the processes that run.
SMALL = {"packages", "workers", "leases", "search"}
HOURLY = "once an hour, over what is thrown away in time"
AT_REST = "over what was sold, when payments are compared with Stripe's"
ALLOWED = {
    ("app.accounts.resets", "password_resets"): HOURLY,
    ("app.accounts.sessions", "sign_ins"): HOURLY,
    ("app.billing.grants", "order_grants"): AT_REST,
    ("app.billing.subscriptions", "plans"): AT_REST,
    ("app.billing.orders", "orders"): "once when the server starts, up to the first",
    ("app.ledger.audit", "ledger_accounts"): "all of the books, when an operator asks for them",
    ("app.leaving.leaving", "users"): "every few minutes, for those whose account was closed half",
    (
        "app.accounts.accounts",
        "turns",
    ): "SQLite's look for rows without their user, which it skips while none is missing",
}
# Beginnings of statements, whose wholes are looked at.
PIECES = {messages.BRANCH, messages.BRANCH_BACK, usage.USAGE, usage.RECEIPT}
PLACE = re.compile(r"\$(\d+)")
TABLES = {
    "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'table'",
    "postgres": "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
}
SHORT_INDEXES = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'"


@pytest.fixture
async def session(databases: Databases, tmp_path: Path) -> AsyncIterator[Session]:
    db = Database(databases.fresh(tmp_path))
    await db.open()
    async with db.begin() as session:
        if databases.kind == "postgres":
            # Tables are empty, and reading such a one whole is right unless there is another way.
            await session.run("SET LOCAL enable_seqscan = off")
            # Nor is a plan of any use that knows its values.
            await session.run("SET LOCAL plan_cache_mode = force_generic_plan")
        yield session
    await db.close()


async def walked_through(session: Session, databases: Databases, sql: str) -> set[str]:
    """The tables that a statement reads from one end to the other."""
    places = [None] * max((int(number) for number in PLACE.findall(sql)), default=0)
    if databases.kind == "sqlite":
        steps = [row["detail"].split() for row in await session.rows(f"EXPLAIN QUERY PLAN {sql}", *places)]
        # An index over a few of the rows, those that run or wait, is no longer than they are many.
        short = {row["name"] for row in await session.rows(SHORT_INDEXES)}
        names = [step[1] for step in steps if step[0] == "SCAN" and not short & set(step)]
    else:
        await session.run(f"PREPARE it AS {sql}")
        given = f"({', '.join('NULL' for _ in places)})" if places else ""
        plan = [row[0] for row in await session.rows(f"EXPLAIN EXECUTE it{given}")]
        await session.run("DEALLOCATE it")
        names = [line.partition("Seq Scan on ")[2].split()[0] for line in plan if "Seq Scan on " in line]
    tables = {row["name"] for row in await session.rows(TABLES[databases.kind])}
    aliases = {alias: table for table, alias in re.findall(r"(\w+) AS (\w+)", sql)}
    return {aliases.get(name, name) for name in names} & tables - SMALL


async def test_no_growing_table_is_walked_through(session: Session, databases: Databases) -> None:
    found = {
        (module, table, " ".join(sql.split()))
        for sql, module in statements().items()
        if sql not in PIECES
        for table in await walked_through(session, databases, sql)
        if (module, table) not in ALLOWED
    }

    assert found == set()


def test_the_statements_of_every_room_are_looked_at() -> None:
    found = statements()

    rooms = {module.split(".")[1] for module in found.values()}
    assert {"accounts", "billing", "chat", "conversations", "edge", "ledger", "schedule"} <= rooms
    assert len(found) > 150


async def test_a_walk_is_noticed(session: Session, databases: Databases) -> None:
    assert await walked_through(session, databases, "SELECT * FROM messages WHERE model = $1") == {"messages"}
    assert await walked_through(session, databases, "SELECT * FROM messages WHERE id = $1") == set()
    assert await walked_through(session, databases, "UPDATE messages SET tokens = 1 WHERE role = $1") == {"messages"}
    assert await walked_through(session, databases, "SELECT 1 FROM turns AS t WHERE t.model = $1") == {"turns"}
