"""No statement of this room reads a whole table that grows, and none sorts more than it gives."""

from __future__ import annotations

from typing import Any

import pytest

from app.conversations import changes, conversations, messages, search
from app.db import Row, Session
from app.edge.paging import Page
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import Talk, message, talk
from tests.databases import Databases

GROWING = ("conversations", "messages", "search_entries", "conversation_deletions", "sibling")


class Explaining(Session):
    """Runs what it is given, and keeps how the database says it goes about it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self.steps = session, dict[str, list[str]]()

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        plan = await self._session.rows(f"EXPLAIN QUERY PLAN {sql}", *values)
        self.steps[sql] = [row["detail"] for row in plan]
        return await self._session.rows(sql, *values)

    async def run(self, sql: str, *values: Any) -> int:
        await self.rows(sql, *values)
        return 1

    @property
    def scans(self) -> list[tuple[str, str]]:
        words = [(step.split(), sql) for sql, steps in self.steps.items() for step in steps]
        return [(" ".join(step), sql) for step, sql in words if step[0] == "SCAN" and step[1] in GROWING]


@pytest.fixture(autouse=True)
def _plans_are_read(databases: Databases) -> None:
    if databases.kind != "sqlite":
        pytest.skip("A Postgres with small tables rightly scans them; the indexes are the same.")


async def everything(session: Session, its: Talk, other: Talk) -> None:
    user_id, now, page = its.user_id, its.services.clock.now(), Page(limit=2)
    shown = await messages.page(session, its.ids[-1], after=1, limit=10)
    assert len(shown) == 3
    assert len(await messages.page_back(session, its.ids[-1], limit=2)) == 2
    assert await messages.siblings(session, its.id, shown)
    assert await messages.whole_tree(session, its.id, after=(1, ""), limit=2)
    assert await messages.branch_up(session, its.ids[-1], 100, 3)
    assert await messages.newest_leaf(session, its.id, its.ids[0])
    assert await conversations.listed(session, user_id, page)
    assert await search.search(session, user_id, "one tw", page)
    assert await changes.newest(session, user_id)
    await messages.find(session, its.id, its.ids[0])
    await messages.write(session, message(its.id, 5, its.ids[-1], "five", created_at=now))
    await messages.checkpoint(session, its.ids[-1], "so")
    await messages.reopen(session, its.ids[-1])
    ending = {"encoding": "e", "status": "stopped", "model": None, "finish_reason": None, "usage": None}
    await messages.finish(session, its.ids[-1], content="so", tokens=1, **ending)  # type: ignore[arg-type]
    await conversations.move_tip(session, its.id, its.ids[-1], now)
    await conversations.suggest_title(session, its.id, "Two", now)
    await conversations.rename(session, its.id, "Three", now)
    await conversations.delete(session, user_id, other.id, now)


async def test_no_growing_table_is_scanned(services: Services, ann: Person) -> None:
    its, other = [await talk(services, ann.id, "one two", "b", "c", "d") for _ in range(2)]

    async with services.db.begin() as session:
        explaining = Explaining(session)
        await everything(explaining, its, other)

    assert explaining.scans == []
    assert len(explaining.steps) >= 20


async def test_a_scan_would_be_noticed(services: Services, ann: Person) -> None:
    async with services.db.read() as session:
        explaining = Explaining(session)
        await explaining.rows("SELECT * FROM messages WHERE content = 'x'")

    assert [step for step, _ in explaining.scans] == ["SCAN messages"]


async def test_lists_come_in_the_order_of_their_index(services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, "one")

    async with services.db.read() as session:
        explaining = Explaining(session)
        await conversations.listed(explaining, ann.id, Page(limit=2))
        await messages.whole_tree(explaining, its.id, after=(0, ""), limit=2)
        await changes.newest(explaining, ann.id)

    assert [step for steps in explaining.steps.values() for step in steps if "TEMP B-TREE" in step] == []
