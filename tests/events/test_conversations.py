"""Every open tab hears what happens to a conversation, wherever it was done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from app.conversations import changes, conversations
from app.conversations.changes import LOOKED_AT_MAX, Change
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import talk
from tests.events.test_channel import frames
from tests.waiting import WAIT_SECONDS_MAX

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@asynccontextmanager
async def tab(
    live_url: str, person: Person, query: str = "", **headers: str
) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
    async with (
        httpx2.AsyncClient(
            base_url=live_url, headers={**person.headers, **headers}, timeout=WAIT_SECONDS_MAX
        ) as client,
        client.stream("GET", "/api/events" + query) as response,
    ):
        news = frames(response)
        assert (await anext(news))[0] == "balance"
        yield news


def change(number: int, minutes: float | None = None, *, deleted: bool = False, title: str = "t") -> Change:
    moment = NOON + timedelta(minutes=number if minutes is None else minutes)
    return Change(id=f"cnv_{number}", title=title, current_message_id=None, updated_at=moment, deleted=deleted)


async def test_each_change_is_told_once_as_things_are_now(
    live_url: str, client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    async with tab(live_url, ann) as news:
        its = await talk(services, ann.id, title="Begun")
        begun = await anext(news)
        first = await its.say("Hello")
        moved = await anext(news)
        await client.patch(its.url, headers=ann.headers, json={"title": "Renamed"})
        renamed = await anext(news)
        await client.delete(its.url, headers=ann.headers)
        deleted = await anext(news)

    told = [(event, data["id"], data["title"], data["currentMessageId"], data["deleted"])
            for event, data in (begun, moved, renamed, deleted)]  # fmt: skip
    assert told == [
        ("conversation", its.id, "Begun", None, False),
        ("conversation", its.id, "Begun", first.id, False),
        ("conversation", its.id, "Renamed", first.id, False),
        ("conversation", its.id, None, None, True),
    ]
    assert all(data["updatedAt"].endswith("Z") for _, data in (begun, moved, renamed, deleted))


async def test_what_was_there_before_the_tab_is_not_told(live_url: str, services: Services, ann: Person) -> None:
    await talk(services, ann.id, "old", title="Old")

    async with tab(live_url, ann) as news:
        await talk(services, ann.id, title="New")
        _, first = await anext(news)

    assert first["title"] == "New"


@pytest.mark.parametrize(("query", "headers"), [("?again=true", {}), ("", {"Last-Event-ID": "7"})])
async def test_a_tab_that_was_away_is_told_how_the_latest_are_now(
    live_url: str, services: Services, ann: Person, query: str, headers: dict[str, str]
) -> None:
    one, gone = [await talk(services, ann.id, "Hello", title=title) for title in ("Old", "Gone")]
    async with services.db.begin() as session:
        await conversations.delete(session, ann.id, gone.id, services.clock.now())

    async with tab(live_url, ann, query, **headers) as news:
        told = [(await anext(news))[1] for _ in range(2)]
        await talk(services, ann.id, title="New")
        _, later = await anext(news)

    assert [(each["id"], each["deleted"]) for each in told] == [(one.id, False), (gone.id, True)]
    assert told[0]["currentMessageId"] == one.said[-1].id
    assert later["title"] == "New"


async def test_all_tabs_of_mine_hear_it_and_nobody_else_s(
    live_url: str, services: Services, ann: Person, bob: Person
) -> None:
    async with tab(live_url, ann) as one, tab(live_url, ann) as other, tab(live_url, bob) as theirs:
        await talk(services, ann.id, title="Mine")
        heard = await asyncio.gather(anext(one), anext(other))
        await talk(services, bob.id, title="Theirs")
        _, first = await anext(theirs)

    assert [data["title"] for _, data in heard] == ["Mine", "Mine"]
    assert first["title"] == "Theirs"


async def test_deleting_an_old_conversation_among_many_is_told_and_nothing_else_is(
    live_url: str, services: Services, ann: Person
) -> None:
    made = [await talk(services, ann.id, title=f"Talk {number}") for number in range(3)]
    services.clock.advance(hours=1)  # type: ignore[attr-defined]
    for number in range(LOOKED_AT_MAX + 5):
        await talk(services, ann.id, title=f"Later {number}")

    async with tab(live_url, ann) as news:
        async with services.db.begin() as session:
            await conversations.delete(session, ann.id, made[0].id, services.clock.now())
        _, first = await anext(news)
        await talk(services, ann.id, title="Last")
        _, second = await anext(news)

    assert (first["id"], first["deleted"]) == (made[0].id, True)
    assert second["title"] == "Last"


async def test_a_deletion_is_only_remembered_a_while(services: Services, ann: Person) -> None:
    made = [await talk(services, ann.id) for _ in range(2)]
    for its in made:
        async with services.db.begin() as session:
            await conversations.delete(session, ann.id, its.id, services.clock.now())
        services.clock.advance(minutes=11)  # type: ignore[attr-defined]

    async with services.db.read() as session:
        left = await session.rows("SELECT * FROM conversation_deletions")

    assert [row["conversation_id"] for row in left] == [made[1].id]


def test_what_only_came_into_view_is_no_change() -> None:
    before = [change(number) for number in range(LOOKED_AT_MAX, 0, -1)]
    now = [*before[1:], change(LOOKED_AT_MAX, deleted=True), change(0)]

    told = changes.between(before, now)

    assert [(one.id, one.deleted) for one in told] == [(f"cnv_{LOOKED_AT_MAX}", True)]


def test_a_change_at_the_very_same_moment_is_a_change() -> None:
    assert changes.between([change(1)], [change(1, title="other")]) == [change(1, title="other")]


def test_a_change_after_the_clock_went_back_is_a_change() -> None:
    assert changes.between([change(1)], [change(1, minutes=-5)]) == [change(1, minutes=-5)]


def test_changes_are_told_in_the_order_in_which_they_happened() -> None:
    assert changes.between([], [change(3), change(1), change(2)]) == [change(1), change(2), change(3)]
