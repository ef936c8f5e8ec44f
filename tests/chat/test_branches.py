"""Edit and resend, ask again, and what of a long conversation the model is shown."""

from __future__ import annotations

from typing import Any

import pytest

from app.settings import Settings
from tests.chat.callers import JSON, URL, Caller, only
from tests.chat.strict import text_of
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, welcome_tokens=1_000_000)


def contents(provider: ScriptedProvider, number: int = -1) -> list[str]:
    return [message.content for message in provider.asked[number].messages]


async def shown(caller: Caller, conversation_id: str) -> list[str]:
    return [message["content"] for message in await caller.messages(conversation_id)]


async def test_an_edited_message_opens_a_branch_and_destroys_nothing(
    caller: Caller, provider: ScriptedProvider
) -> None:
    first = only(await caller.ask("one"), "meta")
    where: dict[str, Any] = {"conversationId": first["conversationId"]}
    second = only(await caller.ask("two", **where), "meta")

    edited = only(await caller.ask("two, but better", parentId=first["messageId"], **where), "meta")

    assert contents(provider) == ["one", "Hello, you.", "two, but better"]
    now = await caller.messages(first["conversationId"])
    assert [message["content"] for message in now] == ["one", "Hello, you.", "two, but better", "Hello, you."]
    assert now[2]["siblings"] == [second["userMessageId"], edited["userMessageId"]]
    chosen = {"currentMessageId": second["messageId"]}
    await caller.http.patch(f"/api/conversations/{first['conversationId']}", json=chosen)
    assert await shown(caller, first["conversationId"]) == ["one", "Hello, you.", "two", "Hello, you."]


async def test_a_new_beginning_in_the_same_conversation(caller: Caller, provider: ScriptedProvider) -> None:
    first = only(await caller.ask("one"), "meta")

    await caller.ask("another one", conversationId=first["conversationId"], parentId=None)

    assert contents(provider) == ["another one"]
    now = await caller.messages(first["conversationId"])
    assert now[0]["siblings"][0] == first["userMessageId"]
    assert len(now[0]["siblings"]) == 2


async def test_naming_nothing_is_no_naming(caller: Caller) -> None:
    meta = only(await caller.ask(conversationId=None, parentId=None), "meta")

    assert meta["created"] is True


async def test_asking_again_gives_a_second_reply_to_the_same_message(
    caller: Caller, provider: ScriptedProvider
) -> None:
    first = only(await caller.ask("one"), "meta")
    provider.words = ["Something", " else."]

    again = await caller.ask(
        None, conversationId=first["conversationId"], parentId=first["userMessageId"], regenerate=True
    )

    assert contents(provider) == ["one"]
    assert text_of(again) == "Something else."
    assert only(again, "meta")["userMessageId"] == first["userMessageId"]
    assert only(again, "usage")["promptTokens"] == first["promptTokens"]
    now = await caller.messages(first["conversationId"])
    assert [message["content"] for message in now] == ["one", "Something else."]
    assert now[1]["siblings"] == [first["messageId"], only(again, "meta")["messageId"]]


async def test_what_cannot_follow_what_is_refused(caller: Caller, provider: ScriptedProvider) -> None:
    first = only(await caller.ask("one"), "meta")
    where = {"conversationId": first["conversationId"]}

    answers = [
        await caller.post("two", JSON, parentId=first["userMessageId"], **where),
        await caller.post(None, JSON, parentId=first["messageId"], regenerate=True, **where),
        await caller.post(None, JSON, parentId=first["userMessageId"], **{"continue": True}, **where),
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "parentId")
    assert len(provider.asked) == 1


@pytest.mark.parametrize(("asked_words", "said_words"), [(1, 90), (90, 10), (55, 45)])
async def test_what_no_longer_fits_is_left_out_at_the_border_of_a_message(
    caller: Caller, provider: ScriptedProvider, asked_words: int, said_words: int
) -> None:
    """And never so that a reply stands there without its question."""
    provider.words = [" word"] * said_words
    more = " word" * asked_words
    meta = only(await caller.ask(f"number 0{more}", model="tiny"), "meta")
    where: dict[str, Any] = {"conversationId": meta["conversationId"], "model": "tiny"}

    for number in range(1, 8):
        quote = (await caller.http.post(f"{URL}/quote", json={"message": f"number {number}{more}", **where})).json()
        events = await caller.ask(f"number {number}{more}", **where)
        meta, usage, asked = only(events, "meta"), only(events, "usage"), contents(provider)
        assert quote["leftOut"] == meta["leftOut"]
        assert (quote["held"], quote["promptTokens"]) == (meta["held"], meta["promptTokens"])
        assert len(asked) == 2 * number + 1 - meta["leftOut"]
        assert asked[0] == f"number {meta['leftOut'] // 2}{more}"
        assert provider.asked[-1].messages[0].role == "user"
        assert meta["promptTokens"] <= 500
        assert usage["historyTokens"] == meta["historyTokens"] < usage["promptTokens"]

    assert meta["leftOut"] > 0
    assert len(await caller.messages(meta["conversationId"])) == 16


@pytest.mark.parametrize("body", [{"message": "Hello"}, {"message": "Hello", "maxTokens": 7, "model": "pricey"}])
async def test_the_quote_is_what_is_then_held(caller: Caller, provider: ScriptedProvider, body: dict[str, Any]) -> None:
    quote = (await caller.http.post(f"{URL}/quote", json=body)).json()
    asked = len(provider.asked)
    meta = only(await caller.ask(**body), "meta")

    assert asked == 0
    for name in ("model", "promptTokens", "historyTokens", "maxTokens", "held", "leftOut"):
        assert quote[name] == meta[name]
    assert quote["balanceAfterAtMost"] == 1_000_000 - meta["held"]
    assert quote["affordable"] is True
