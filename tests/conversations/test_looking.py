"""What many messages say is found in the next few of them, and no answer differs from the index's."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from app.conversations import search, terms
from app.db import Row, Session
from app.edge.paging import Page, cut
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import Talk, talk

WORDS = ["ant", "bee", "bear", "beetle", "cat", "crow", "dog", "duck"]
QUESTIONS = ["bee", "be", "ant", "ant bee", "cat crow dog", "cat crow dog du", "an be ca", "duck d", "beet", "eel", "e"]
Found = list[tuple[str, str | None, str | None]]


async def by_index(session: Session, user_id: str, question: str, page: Page) -> Found:
    query = terms.query(user_id, terms.asked(question))
    within = (user_id, *(page.after or search.NEWEST), page.limit + 1, search.SNIPPET_SOURCE_CHARS)
    return shown(await session.rows(search.SEARCH, query, *within), page)


def shown(rows: list[Row], page: Page) -> Found:
    """Of the row that only says that there is more, no more than that it is there counts."""
    found = [(row["id"], row["message_id"], row["content"]) for row in rows]
    return found[: page.limit] + [("more", None, None)] * (len(found) > page.limit)


@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_looking_finds_what_the_index_finds(services: Services, ann: Person, bob: Person, limit: int) -> None:
    chance = Random(limit)
    for number in range(24):
        said = [" ".join(chance.sample(WORDS, 3)) for _ in range(chance.randrange(4))]
        await talk(services, (ann, bob)[number % 4 == 0].id, *said, title=" ".join(chance.sample(WORDS, 2)))

    async with services.db.read() as session:
        listed = await session.rows(
            "SELECT updated_at, id FROM conversations WHERE user_id = $1 ORDER BY updated_at DESC, id DESC", ann.id
        )
        ends = [cut(listed[at:], Page(limit=1), lambda row: (row["updated_at"], row["id"]))[1] for at in (2, 7, 12)]
        pages = [Page(limit=limit, cursor=end) for end in (None, *ends)]
        seen = 0
        for question, page, look_at in product(QUESTIONS, pages, (1, 4, 11, search.LOOK_AT)):
            found = shown(await search.search(session, ann.id, question, page, look_at), page)
            assert found == await by_index(session, ann.id, question, page), (question, look_at)
            seen += len(found)
    assert seen > 100


async def test_what_is_behind_a_long_conversation_is_found(services: Services, ann: Person) -> None:
    old = [await talk(services, ann.id, "a pangolin", title="Old") for _ in range(3)]
    long = await Talk(services, ann.id).begin("Long")
    async with services.db.begin() as session:
        for number in range(search.LOOK_AT + 1):
            await session.run(ENTRY, f"msg_{number}", long.id, f"_{ann.id} nothing")

    async with services.db.read() as session:
        found = await search.search(session, ann.id, "pangolin", Page(limit=2))

    assert [row["id"] for row in found] == sorted((one.id for one in old), reverse=True)


ENTRY = "INSERT INTO search_entries (source_id, conversation_id, words) VALUES ($1, $2, $3)"
