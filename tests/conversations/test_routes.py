"""Conversations as the world asks for them: listed, shown, renamed, deleted, and never somebody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.accounts import accounts
from app.conversations import conversations
from app.conversations.conversations import first_words
from app.ledger import ledger
from app.ledger.ledger import Terms
from app.ledger.rates import Rates
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import URL, talk


async def pages(client: httpx2.AsyncClient, url: str, person: Person, limit: int) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": limit}
    while params.get("cursor", "") is not None:
        body = (await client.get(url, headers=person.headers, params=params)).json()
        assert len(body["conversations"]) <= limit
        seen += body["conversations"]
        params["cursor"] = body["nextCursor"]
    return seen


async def test_they_are_listed_with_the_last_changed_first(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    old, new = await talk(services, ann.id, "one", title="Old"), await talk(services, ann.id, "one", title="New")
    before = (await client.get(URL, headers=ann.headers)).json()
    await old.say("again")

    after = (await client.get(URL, headers=ann.headers)).json()

    assert [one["title"] for one in before["conversations"]] == ["New", "Old"]
    assert [one["id"] for one in after["conversations"]] == [old.id, new.id]
    assert after["conversations"][0] == {
        "id": old.id,
        "userId": ann.id,
        "title": "Old",
        "currentMessageId": old.ids[-1],
        "createdAt": after["conversations"][0]["createdAt"],
        "updatedAt": after["conversations"][0]["updatedAt"],
        "snippet": None,
        "messageId": None,
    }
    assert after["nextCursor"] is None


async def test_pages_meet_each_once_although_all_are_of_one_moment(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    made = [await talk(services, ann.id) for _ in range(11)]

    seen = [one["id"] for one in await pages(client, URL, ann, 4)]

    assert len({one["updatedAt"] for one in (await client.get(URL, headers=ann.headers)).json()["conversations"]}) == 1
    assert seen == sorted((one.id for one in made), reverse=True)


async def test_one_is_shown(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, "one")

    shown = (await client.get(its.url, headers=ann.headers)).json()

    assert set(shown) == {"id", "userId", "title", "currentMessageId", "createdAt", "updatedAt"}
    assert (shown["id"], shown["currentMessageId"]) == (its.id, its.ids[-1])
    assert shown["updatedAt"].endswith("Z")


async def test_a_title_is_one_trimmed_line(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, "one")

    answer = await client.patch(its.url, headers=ann.headers, json={"title": f"  two\r\n lines {'x' * 180} "})

    assert answer.json()["title"] == f"two lines {'x' * 180}"
    assert (await client.get(its.url, headers=ann.headers)).json() == answer.json()


async def test_title_and_branch_can_be_changed_together(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "one")
    await its.say("one, edited", first=True)

    changed = await client.patch(its.url, headers=ann.headers, json={"title": "T", "currentMessageId": its.ids[0]})

    assert (changed.json()["title"], changed.json()["currentMessageId"]) == ("T", its.ids[0])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": None}, "title"),
        ({"title": ""}, "title"),
        ({"title": "  \n "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": 5}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"currentMessageId": ""}, "currentMessageId"),
        ({"currentMessageId": "x" * 65}, "currentMessageId"),
        ({"title": "fine", "userId": "usr_1"}, "userId"),
    ],
)
async def test_a_change_of_nothing_or_of_something_odd_is_refused(
    client: httpx2.AsyncClient, services: Services, ann: Person, body: dict[str, Any], field: str
) -> None:
    its = await talk(services, ann.id, "one")

    answer = await client.patch(its.url, headers=ann.headers, json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [fault["field"] for fault in answer.json()["fields"]] == [field]
    assert (await client.get(its.url, headers=ann.headers)).json()["title"] == "A talk"


async def test_a_branch_of_another_conversation_cannot_be_chosen_and_then_nothing_is_changed(
    client: httpx2.AsyncClient, services: Services, ann: Person, bob: Person
) -> None:
    its, mine, theirs = [await talk(services, owner, "one") for owner in (ann.id, ann.id, bob.id)]
    answers = []

    for message_id in (mine.ids[0], theirs.ids[0], "msg_made_up"):
        body = {"title": "Changed", "currentMessageId": message_id}
        answers.append(await client.patch(its.url, headers=ann.headers, json=body))

    assert {answer.status_code for answer in answers} == {404}
    assert len({(answer.json()["error"], answer.json()["code"]) for answer in answers}) == 1
    assert (await client.get(its.url, headers=ann.headers)).json()["title"] == "A talk"


async def test_deleting_takes_all_of_it_and_again_it_is_not_there(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its, kept = await talk(services, ann.id, "one", "two"), await talk(services, ann.id, "three")

    first = await client.delete(its.url, headers=ann.headers)
    again = await client.delete(its.url, headers=ann.headers)

    assert (first.status_code, again.status_code) == (204, 404)
    assert (await client.get(f"{its.url}/messages", headers=ann.headers)).status_code == 404
    async with services.db.read() as session:
        left = await session.rows("SELECT id FROM messages")
    assert [row["id"] for row in left] == kept.ids


async def test_deleting_leaves_the_statement_and_the_receipts_as_they_were(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "one", "two")
    terms = Terms(10, 20, Rates(1000, 1000), conversation_id=its.id, message_id=its.ids[1])
    async with services.meter.hold(ann.id, terms, lifetime=timedelta(minutes=1)) as held:
        held.use(10, 5, "estimate")
    before = [(await client.get(url, headers=ann.headers)).json() for url in BOOKS]

    await client.delete(its.url, headers=ann.headers)

    assert [(await client.get(url, headers=ann.headers)).json() for url in BOOKS] == before
    assert before[1]["usage"][0]["conversationId"] == its.id
    async with services.db.read() as session:
        assert (await ledger.balance(session, ann.id)).balance == 985


BOOKS = ("/api/billing/ledger", "/api/billing/usage", "/api/billing/ledger/verify", "/api/billing/balance")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/messages"),
        ("GET", "/export"),
        ("GET", "/export?format=json"),
    ],
)
async def test_somebody_elses_is_as_missing_as_one_that_never_was(
    client: httpx2.AsyncClient, services: Services, ann: Person, bob: Person, method: str, path: str
) -> None:
    its = await talk(services, bob.id, "a secret")
    body = {"title": "Mine"} if method == "PATCH" else None

    theirs = await client.request(method, f"{its.url}{path}", headers=ann.headers, json=body)
    missing = await client.request(method, f"{URL}/cnv_made_up{path}", headers=ann.headers, json=body)

    assert theirs.status_code == missing.status_code == 404
    assert {**theirs.json(), "requestId": ""} == {**missing.json(), "requestId": ""}
    assert (await client.get(its.url, headers=bob.headers)).json()["title"] == "A talk"


async def test_history_is_every_conversation_with_the_messages_of_its_branch(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    long = await talk(services, ann.id, *(f"text {number}" for number in range(205)), title="Long")
    edited = await talk(services, ann.id, "one", title="Edited")
    await edited.say("one, better", first=True)
    await talk(services, ann.id, title="Empty")
    url = f"/api/history/{ann.id}"

    whole = (await client.get(url, headers=ann.headers)).json()["conversations"]
    paged = await pages(client, url, ann, 2)

    texts = {one["title"]: [message["content"] for message in one["messages"]] for one in whole}
    assert texts == {"Empty": [], "Edited": ["one, better"], "Long": [f"text {number}" for number in range(205)]}
    assert {one["title"]: len(one["messages"][0]["siblings"]) for one in whole if one["messages"]} == {
        "Edited": 2,
        "Long": 1,
    }
    assert paged == whole
    assert {message["conversationId"] for message in whole[-1]["messages"]} == {long.id}


async def test_an_empty_history_is_an_empty_list(client: httpx2.AsyncClient, ann: Person) -> None:
    answer = await client.get(f"/api/history/{ann.id}", headers=ann.headers)

    assert answer.json() == {"conversations": [], "nextCursor": None}


async def test_an_admin_reads_the_history_of_anybody_and_nobody_else_does(
    client: httpx2.AsyncClient, services: Services, ann: Person, bob: Person
) -> None:
    await talk(services, bob.id, "hello")
    before = await client.get(f"/api/history/{bob.id}", headers=ann.headers)
    async with services.db.begin() as session:
        await session.run("UPDATE users SET role = 'admin' WHERE id = $1", ann.id)
        assert (await accounts.by_id(session, ann.id)).role == "admin"

    after = await client.get(f"/api/history/{bob.id}", headers=ann.headers)

    assert before.status_code == 404
    assert [one["userId"] for one in after.json()["conversations"]] == [bob.id]


async def test_a_model_names_a_conversation_once_and_never_over_its_owner(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its, other, now = await talk(services, ann.id), await talk(services, ann.id), services.clock.now()
    await client.patch(other.url, headers=ann.headers, json={"title": "My own"})

    async with services.db.begin() as session:
        named = [
            await conversations.suggest_title(session, its.id, "By a model", now),
            await conversations.suggest_title(session, its.id, "By a model again", now),
            await conversations.suggest_title(session, other.id, "By a model", now),
            await conversations.suggest_title(session, "cnv_made_up", "By a model", now),
        ]

    assert named == [True, False, False, False]
    titles = [(await client.get(one.url, headers=ann.headers)).json()["title"] for one in (its, other)]
    assert titles == ["By a model", "My own"]


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("Hello", "Hello"),
        ("  Two\r\n\tlines ", "Two lines"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("word " * 30, "word " * 15 + "word…"),
        ("It ends here, " + "y" * 100, "It ends here, " + "y" * 65 + "…"),
        ("你好" * 50, "你好" * 39 + "你…"),
    ],
)
def test_a_title_is_the_first_words_in_one_line(message: str, title: str) -> None:
    assert first_words(message) == title
    assert len(first_words(message)) <= 80
