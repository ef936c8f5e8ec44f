"""Somebody who leaves, and what is then left of them."""

from __future__ import annotations

import httpx2

from app.ledger import audit
from app.services import Services
from tests.conftest import Person

ME = "/api/auth/me"


async def leave(client: httpx2.AsyncClient, person: Person, password: str | None = None) -> httpx2.Response:
    body = {"currentPassword": person.password if password is None else password}
    return await client.request("DELETE", ME, headers=person.headers, json=body)


async def everything(services: Services) -> str:
    """All rows of all tables, as text; but for the pages of SQLite's index, which it rewrites when it likes."""
    sql = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        "postgres": "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()",
    }
    async with services.db.read() as session:
        tables = [row["name"] for row in await session.rows(sql[services.db.kind])]
        assert {"users", "messages", "search_entries", "idempotency_keys"} <= set(tables)
        own = [table for table in tables if table == "search_entries" or not table.startswith("search")]
        rows = [list(row) for table in own for row in await session.rows(f"SELECT * FROM {table}")]
    return repr(rows)


async def require_whole_books(services: Services) -> None:
    async with services.db.read() as session:
        assert [*await audit.differences(session), *await audit.broken_chains(session)] == []
