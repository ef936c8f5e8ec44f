"""What was said is found again, in any script, whatever the question holds, and only by whoever said it."""

# Letters that look like others are what some of these tests are about.
# ruff: noqa: RUF001

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from app.conversations import conversations, messages, terms
from app.db import Session
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import URL, Talk, talk


async def found(client: httpx2.AsyncClient, person: Person, question: str, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get(URL, headers=person.headers, params={"q": question, **params})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["conversations"]
    return rows


async def titles(client: httpx2.AsyncClient, person: Person, question: str) -> list[str]:
    return [one["title"] for one in await found(client, person, question)]


async def entries(session: Session, source_id: str) -> list[str]:
    return [row["words"] for row in await session.rows("SELECT * FROM search_entries WHERE source_id = $1", source_id)]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("The quick brown fox", "quick fox"),
        ("The quick brown fox", "FOX the"),
        ("The quick brown fox", "qui"),
        ("Ein Café in Zürich", "cafe zurich"),
        ("cafe\u0301 composed or not", "café"),
        ("Straße", "STRASSE"),
        ("ＦＵＬＬ width", "full"),
        ("Привет, мир", "привет ми"),
        ("Ελλάδα", "ελλαδα"),
        ("İstanbul'da", "istanbul"),
        ("北京大学在哪里", "大学"),
        ("北京大学在哪里", "北京大学"),
        ("北京大学在哪里", "里"),
        ("我要 docker 帮助", "docker 帮"),
        ("東京タワーはどこ", "タワー"),
        ("데이터베이스 연결", "이터"),
        ("สวัสดีครับ", "ดีครับ"),
        ("नमस्ते दुनिया", "नमस्ते"),
        ("שלום עולם", "עולם"),
        ("مرحبا بالعالم", "مرحبا"),
        ("می\u200cخواهم", "میخواهم"),
        ("a party 🎉 tonight", "🎉"),
        ("I ❤️ tea", "❤"),
        ("C++ and snake_case and x-ray", "snake case ray"),
        ("version 3.14.2", "3.14"),
        ("x" * 150, "x" * 100),
    ],
)
async def test_it_finds_in_any_script(
    client: httpx2.AsyncClient, services: Services, ann: Person, said: str, asked: str
) -> None:
    await talk(services, ann.id, said, title="Said")
    await talk(services, ann.id, "something else", title="Else")

    assert await titles(client, ann, asked) == ["Said"]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("The quick brown fox", "quick cat"),
        ("The quick brown fox", "uick"),
        ("The quick brown fox", "qui fox"),
        ("北京大学", "大北"),
        ("a b c", "*"),
        ("one", "_"),
    ],
)
async def test_it_does_not_find_what_was_not_said(
    client: httpx2.AsyncClient, services: Services, ann: Person, said: str, asked: str
) -> None:
    await talk(services, ann.id, said)

    assert await titles(client, ann, asked) == []


@pytest.mark.parametrize(
    "asked",
    [
        "* OR NEAR( \" ' ;", "hello OR *", 'hello" AND "', "words:hello", "-hello", "^hello", "hel*lo",
        "NEAR(hello, 5)", "hello & !hello | (", "hello:*", "'; DROP TABLE messages; --", "\\", "{hello}", "%", "NOT",
        "AND", "hello <-> x",
        "𝓱𝓮𝓵𝓵𝓸", "\u202ehello", "hello\n\thello", "a " * 99, "٣", "\u0301", "ﷺ", "hello\u3000hello",
    ],
)  # fmt: skip
async def test_no_question_is_more_than_words(
    client: httpx2.AsyncClient, services: Services, ann: Person, asked: str
) -> None:
    await talk(services, ann.id, "hello", title="?")

    answer = await client.get(URL, headers=ann.headers, params={"q": asked})

    assert answer.status_code == 200, answer.text
    asked_words = set(terms.indexed(asked).split())
    assert len(answer.json()["conversations"]) == (1 if asked_words == {"hello"} else 0)


@pytest.mark.parametrize("asked", ["", "   "])
async def test_a_question_of_nothing_lists_everything(
    client: httpx2.AsyncClient, services: Services, ann: Person, asked: str
) -> None:
    await talk(services, ann.id, "hello", title="All")

    assert [(one["title"], one["snippet"]) for one in await found(client, ann, asked)] == [("All", None)]


async def test_a_question_too_long_is_refused(client: httpx2.AsyncClient, ann: Person) -> None:
    answer = await client.get(URL, headers=ann.headers, params={"q": "a" * 201})

    assert [fault["field"] for fault in answer.json()["fields"]] == ["q"]


async def test_nobody_finds_what_somebody_else_said(
    client: httpx2.AsyncClient, services: Services, ann: Person, bob: Person
) -> None:
    await talk(services, ann.id, f"our secret is here _{bob.id}", title="Secret plan")

    assert await titles(client, ann, "secret plan") == ["Secret plan"]
    for asked in ("secret", "plan", f"_{ann.id}", ann.id, f"_{ann.id} secret", "usr"):
        assert await titles(client, bob, asked) == []


async def test_all_the_words_are_in_the_title_or_in_one_message(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "apples", "pears and plums", title="Fruit salad")

    found_by = {asked: await titles(client, ann, asked) for asked in ("fruit", "plums pears", "apples pears")}

    assert found_by == {"fruit": ["Fruit salad"], "plums pears": ["Fruit salad"], "apples pears": []}
    assert [one["id"] for one in await found(client, ann, "salad")] == [its.id]


async def test_a_snippet_shows_what_is_around_the_word(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    await talk(services, ann.id, f"{'before ' * 50}the\n\n**needle**   is here {'after ' * 50}", title="Hay")

    shown = (await found(client, ann, "needle"))[0]["snippet"]

    assert shown.startswith("…before")
    assert "the **needle** is here after" in shown
    assert shown.endswith("…")
    assert len(shown) < 170
    assert [one["snippet"] for one in await found(client, ann, "hay")] == [None]


async def test_it_says_in_which_message_the_words_were_found(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "needle", "needle again", "nothing", title="Hay")

    assert [one["messageId"] for one in await found(client, ann, "needle")] == [its.ids[1]]
    assert [one["messageId"] for one in await found(client, ann, "hay")] == [None]


async def test_what_streams_is_found_once_it_ends_and_a_checkpoint_touches_nothing(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "one")
    reply = await its.say("", status="streaming")
    async with services.db.begin() as session:
        await messages.checkpoint(session, reply.id, "a pangolin")
        before = await entries(session, reply.id)
        await end(session, reply.id, "a pangolin walks")
        after = await entries(session, reply.id)
        await messages.reopen(session, reply.id)
        await messages.checkpoint(session, reply.id, "a pangolin walks home")
        meanwhile = await entries(session, reply.id)

    assert before == []
    assert after == meanwhile == [f"_{ann.id} a pangolin walks"]
    assert await titles(client, ann, "pangolin walks") == ["A talk"]
    assert await titles(client, ann, "pangolin home") == []


async def end(session: Session, message_id: str, content: str) -> None:
    ended = {"tokens": 1, "encoding": "e", "status": "stopped", "model": None, "finish_reason": None, "usage": None}
    await messages.finish(session, message_id, content=content, **ended)  # type: ignore[arg-type]


async def test_a_reply_that_was_carried_on_is_found_by_its_new_words(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "one")
    reply = await its.say("a pangolin")
    async with services.db.begin() as session:
        await messages.reopen(session, reply.id)
        await end(session, reply.id, "a pangolin walks home")

    assert await titles(client, ann, "pangolin home") == ["A talk"]
    await index_is_whole(services)


async def test_the_first_words_that_name_a_conversation_are_found_though_it_was_never_named(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    said = "How do pangolins find their way home, and who taught them so? I have wondered about it for a long time."
    its, now = Talk(services, ann.id), services.clock.now()
    async with services.db.begin() as session:
        await conversations.create(session, its.id, ann.id, conversations.first_words(said), now)
    await its.say(said)
    await its.say("Nobody knows.")

    [one] = await found(client, ann, "pangolins taught")

    assert one["title"] == "How do pangolins find their way home, and who taught them so? I have wondered…"
    assert one["messageId"] == its.ids[0]


async def test_a_new_title_is_found_and_the_old_one_no_longer(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "one", title="Apples")
    async with services.db.begin() as session:
        await conversations.suggest_title(session, its.id, "Pears", services.clock.now())
    by_model = (await titles(client, ann, "apples"), await titles(client, ann, "pears"))
    await client.patch(its.url, headers=ann.headers, json={"title": "Plums"})

    assert by_model == ([], ["Pears"])
    assert (await titles(client, ann, "pears"), await titles(client, ann, "plums")) == ([], ["Plums"])
    await index_is_whole(services)


async def test_what_was_deleted_is_gone_from_the_index(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "a pangolin", title="Animals")
    await talk(services, ann.id, "a pangolin", title="Kept")

    await client.delete(its.url, headers=ann.headers)

    assert await titles(client, ann, "pangolin") == ["Kept"]
    async with services.db.read() as session:
        left = await session.rows("SELECT * FROM search_entries WHERE conversation_id = $1", its.id)
    assert left == []
    await index_is_whole(services)


async def index_is_whole(services: Services) -> None:
    """FTS5 keeps an index apart from its table, and can say whether the two agree; on Postgres they cannot differ."""
    if services.db.kind == "sqlite":
        async with services.db.begin() as session:
            await session.run("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")


async def test_pages_of_a_search_meet_everything_once(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    made = [await Talk(services, ann.id).begin(f"pangolin {number}") for number in range(7)]
    seen: list[str] = []
    params: dict[str, Any] = {"q": "pangolin", "limit": 3}

    while params.get("cursor", "") is not None:
        body = (await client.get(URL, headers=ann.headers, params=params)).json()
        seen += [one["id"] for one in body["conversations"]]
        params["cursor"] = body["nextCursor"]

    assert seen == sorted((one.id for one in made), reverse=True)
