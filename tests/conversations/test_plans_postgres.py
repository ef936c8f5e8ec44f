"""On Postgres too a search reads the index, right after a great deal was written, and only what is its asker's."""

from __future__ import annotations

import pytest

from app.conversations import terms
from app.conversations.search import NEWEST, SEARCH
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import talk
from tests.databases import Databases

MANY = """
INSERT INTO search_entries (source_id, conversation_id, words)
SELECT 'msg_' || number, CAST($1 AS VARCHAR), '_usr_' || number % 50 || ' hello w' || number % 997
FROM generate_series(1, 20000) AS number
"""


@pytest.fixture(autouse=True)
def _postgres_only(databases: Databases) -> None:
    if databases.kind != "postgres":
        pytest.skip("SQLite's plans are in test_plans.")


async def test_a_search_goes_by_the_index(services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, "hello world")
    async with services.db.begin() as session:
        await session.run(MANY, its.id)
        await session.run("ANALYZE search_entries")
        query = terms.query(ann.id, "hello wor")
        plan = await session.rows(f"EXPLAIN {SEARCH}", query, ann.id, *NEWEST, 51, 1000)

    steps = "\n".join(row[0] for row in plan)
    assert "Bitmap Index Scan on ix_search_entries_words" in steps
    assert "Seq Scan on search_entries" not in steps
