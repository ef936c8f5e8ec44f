"""On Postgres too a search reads the index, right after a great deal was written, and only what is its asker's."""

from __future__ import annotations

import pytest

from app.conversations import messages, terms
from app.conversations.search import LOOK, LOOK_AT, NEWEST, SEARCH
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import talk
from tests.databases import Databases

MANY = """
INSERT INTO search_entries (source_id, conversation_id, words)
SELECT 'msg_' || number, CAST($1 AS VARCHAR), '_usr_' || number % 50 || ' hello w' || number % 997
FROM generate_series(1, 20000) AS number
"""

LONG = """
INSERT INTO messages (id, conversation_id, parent_id, number, role, status, tokens, created_at, content)
SELECT 'msg_' || number, CAST($1 AS VARCHAR), CASE WHEN number > 1 THEN 'msg_' || number - 1 END, number,
    'user', 'complete', 1, now(), repeat('text ', 300)
FROM generate_series(1, 5000) AS number
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
        query = terms.query(ann.id, terms.asked("hello wor"))
        plan = await session.rows(f"EXPLAIN {SEARCH}", query, ann.id, *NEWEST, 51, 1000)

    steps = "\n".join(row[0] for row in plan)
    assert "Bitmap Index Scan on ix_search_entries_words" in steps
    assert "Seq Scan on search_entries" not in steps


async def test_the_end_of_a_long_branch_is_read_without_its_beginning(services: Services, ann: Person) -> None:
    its = await talk(services, ann.id)
    async with services.db.begin() as session:
        await session.run(LONG, its.id)
        await session.run("ANALYZE messages")
        plan = await session.rows(f"EXPLAIN ANALYZE {messages.PAGE_BACK}", "msg_5000", 50)
        found = await messages.page_back(session, "msg_5000", limit=50)

    steps = "\n".join(row[0] for row in plan)
    assert "Seq Scan on messages" not in steps
    assert [row["number"] for row in found] == list(range(5000, 4950, -1))


async def test_looking_at_the_newest_goes_from_conversation_to_conversation(services: Services, ann: Person) -> None:
    async with services.db.begin() as session:
        await session.run(TALKS, ann.id)
        await session.run(SAID, ann.id)
        await session.run("ANALYZE conversations")
        await session.run("ANALYZE search_entries")
        plan = await session.rows(f"EXPLAIN ANALYZE {LOOK}", "% hello %", ann.id, *NEWEST, 21, 1000, LOOK_AT, "%", "%")

    steps = "\n".join(row[0] for row in plan)
    assert "Seq Scan" not in steps
    assert f"rows={LOOK_AT}.00 loops=1" in steps
    assert "rows=3000.00" not in steps


TALKS = """
INSERT INTO conversations (id, user_id, title, titled_by, created_at, updated_at)
SELECT 'cnv_' || number, CAST($1 AS VARCHAR), 'hello', 'words', now(), now() + number * INTERVAL '1 second'
FROM generate_series(1, 3000) AS number
"""
SAID = """
INSERT INTO search_entries (source_id, conversation_id, words)
SELECT 'msg_' || number, 'cnv_' || number % 3000 + 1, '_' || $1 || ' hello w' || number % 997
FROM generate_series(1, 30000) AS number
"""
