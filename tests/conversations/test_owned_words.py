"""Each word of the index is somebody's, whatever happens to what it was said in."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import httpx2
import pytest
import pytest_asyncio

from app import migrations
from app.conversations import terms
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import Talk, talk
from tests.databases import Databases

FOUND = "SELECT count(*) AS found FROM search($1)"
WORDS = "CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, search, row)"


async def counted(services: Services, query: str) -> int:
    async with services.db.read() as session:
        row = await session.row(FOUND, query)
    assert row is not None
    return int(row["found"])


@pytest_asyncio.fixture
async def of_both(services: Services, ann: Person, bob: Person) -> list[Talk]:
    return [await talk(services, person.id, "hello", "hello again", title="Hello") for person in (ann, ann, bob)]


async def test_a_list_of_the_index_is_of_one_person(
    of_both: list[Talk], ann: Person, bob: Person, databases: Databases, database_url: str
) -> None:
    if databases.kind != "sqlite":
        pytest.skip("Postgres jumps along the lists of everybody.")

    with closing(sqlite3.connect(database_url.partition(":///")[2])) as raw:
        raw.execute(WORDS)
        said = dict(raw.execute("SELECT term, doc FROM words WHERE term LIKE '%hello'"))

    assert said == {f"_{ann.id}_hello": 6, f"_{bob.id}_hello": 3}


async def test_the_index_knows_what_there_is_and_no_more(
    client: httpx2.AsyncClient,
    of_both: list[Talk],
    ann: Person,
    services: Services,
    databases: Databases,
    database_url: str,
) -> None:
    first, second, _ = of_both
    await client.patch(first.url, json={"title": "Grüße 漢字"}, headers=ann.headers)
    await client.delete(second.url, headers=ann.headers)

    found = [await counted(services, terms.query(ann.id, terms.asked(word))) for word in ("hello", "grusse", "again")]

    assert found == [2, 1, 1]
    if databases.kind == "sqlite":
        with closing(sqlite3.connect(database_url.partition(":///")[2])) as raw:
            raw.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")


async def test_what_was_said_before_has_its_owner_after_the_upgrade(
    of_both: list[Talk], ann: Person, services: Services, database_url: str
) -> None:
    query, before = terms.query(ann.id, ["hello", "aga*"]), f"_{ann.id} hello aga*"

    await migrations.downgrade(database_url, "0013")
    of_old = await counted(services, before)
    await migrations.upgrade(database_url)

    assert (of_old, await counted(services, query)) == (2, 2)


async def test_a_server_of_the_version_before_goes_on_to_find_it(
    of_both: list[Talk], ann: Person, services: Services, databases: Databases
) -> None:
    if databases.kind != "postgres":
        pytest.skip("SQLite serves one server, which is of this version.")

    assert await counted(services, f"_{ann.id} hello aga*") == 2
