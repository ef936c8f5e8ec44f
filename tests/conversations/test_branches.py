"""Messages are a tree: an edit is a sibling, and the tip says which branch is shown."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from app.conversations import conversations, messages
from app.conversations.messages import UnknownMessage
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import Talk, talk


async def shown(client: httpx2.AsyncClient, ann: Person, its: Talk, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get(f"{its.url}/messages", headers=ann.headers, params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


async def test_the_current_branch_is_shown_oldest_first(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "Hello there", "Hi!", "And now?")

    found = await shown(client, ann, its)

    assert [one["content"] for one in found] == ["Hello there", "Hi!", "And now?"]
    assert [one["role"] for one in found] == ["user", "assistant", "user"]
    assert found[1] == {
        "id": its.ids[1],
        "conversationId": its.id,
        "parentId": its.ids[0],
        "number": 2,
        "role": "assistant",
        "content": "Hi!",
        "tokens": 1,
        "status": "complete",
        "model": None,
        "finishReason": None,
        "usage": None,
        "siblings": [its.ids[1]],
        "createdAt": found[1]["createdAt"],
    }
    assert found[1]["createdAt"].endswith("Z")


async def test_an_edit_begins_a_branch_and_choosing_the_old_message_shows_the_old_one_whole(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "one", "reply to one", "two", "reply to two")
    old = its.said[2]
    edited = await its.say("two, better", below=its.said[1])
    await its.say("reply to better")

    after_edit = await shown(client, ann, its)
    answer = await client.patch(its.url, headers=ann.headers, json={"currentMessageId": old.id})
    after_choice = await shown(client, ann, its)

    assert [one["content"] for one in after_edit] == ["one", "reply to one", "two, better", "reply to better"]
    assert after_edit[2]["siblings"] == after_choice[2]["siblings"] == [old.id, edited.id]
    assert answer.json()["currentMessageId"] == its.ids[3]
    assert [one["content"] for one in after_choice] == ["one", "reply to one", "two", "reply to two"]


async def test_another_first_message_is_a_sibling_of_the_first(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "one", "reply")
    other = await its.say("another beginning", first=True)

    found = await shown(client, ann, its)

    assert [one["content"] for one in found] == ["another beginning"]
    assert found[0]["siblings"] == [its.ids[0], other.id]


async def test_cousins_are_no_siblings(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, "one", "reply")
    await its.say("one, edited", first=True)
    await its.say("reply to the edit")

    found = await shown(client, ann, its)

    assert found[1]["siblings"] == [its.ids[3]]


async def test_choosing_follows_the_newest_reply_each_time(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "one", "first reply", "on the first")
    second = await its.say("second reply", below=its.said[0])
    leaf = await its.say("on the second", below=second)
    await its.say("another beginning", first=True)

    answer = await client.patch(its.url, headers=ann.headers, json={"currentMessageId": its.ids[0]})

    assert answer.json()["currentMessageId"] == leaf.id


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_pages_of_a_branch_join_and_keep_their_siblings(
    client: httpx2.AsyncClient, services: Services, ann: Person, order: str
) -> None:
    its = await talk(services, ann.id, *(f"text {number}" for number in range(10)))
    edited = await its.say("text 4, edited", below=its.said[3])
    await client.patch(its.url, headers=ann.headers, json={"currentMessageId": its.ids[4]})
    whole = await shown(client, ann, its)
    seen: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 3, "order": order}

    while params.get("cursor", "") is not None:
        body = (await client.get(f"{its.url}/messages", headers=ann.headers, params=params)).json()
        seen += body["messages"]
        params["cursor"] = body["nextCursor"]

    if order == "newest":
        seen.reverse()
    assert seen == whole
    assert [one["content"] for one in seen] == [f"text {number}" for number in range(10)]
    assert [one["siblings"] for one in seen][4] == [its.ids[4], edited.id]


async def test_a_conversation_without_messages_is_an_empty_list(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id)

    assert await shown(client, ann, its) == []
    assert await shown(client, ann, its, order="newest") == []


async def test_read_backwards_it_begins_with_the_end_and_leads_to_the_first(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "one", "two", "three", "four")
    params: dict[str, Any] = {"order": "newest", "limit": 2}

    last = (await client.get(f"{its.url}/messages", headers=ann.headers, params=params)).json()
    await its.say("five, since then")
    params["cursor"] = last["nextCursor"]
    first = (await client.get(f"{its.url}/messages", headers=ann.headers, params=params)).json()

    assert [one["content"] for one in last["messages"]] == ["four", "three"]
    assert [one["content"] for one in first["messages"]] == ["two", "one"]
    assert first["nextCursor"] is None


async def test_a_page_from_the_end_costs_as_much_as_it_shows(services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, *("text" for _ in range(120)))

    async with services.db.read() as session:
        walked = await session.rows(messages.BRANCH_BACK + "SELECT id FROM branch", its.ids[-1], 5)
        found = await messages.page_back(session, its.ids[-1], limit=5)

    assert len(walked) == len(found) == 5
    assert [row["id"] for row in found] == its.ids[:-6:-1]


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_a_cursor_of_the_other_order_or_of_another_conversation_is_refused(
    client: httpx2.AsyncClient, services: Services, ann: Person, order: str
) -> None:
    its, other = [await talk(services, ann.id, "one", "two", "three") for _ in range(2)]
    odd = "newest" if order == "oldest" else "oldest"
    params: dict[str, Any] = {"limit": 1, "order": odd}
    cursor = (await client.get(f"{other.url}/messages", headers=ann.headers, params=params)).json()["nextCursor"]

    answer = await client.get(f"{its.url}/messages", headers=ann.headers, params={"cursor": cursor, "order": order})

    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize("cursor", ["WyIyMDI2LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwgInVzcl8xIl0", "nonsense"])
async def test_a_cursor_of_another_list_is_refused(
    client: httpx2.AsyncClient, services: Services, ann: Person, cursor: str
) -> None:
    its = await talk(services, ann.id, "one")

    answer = await client.get(f"{its.url}/messages", headers=ann.headers, params={"cursor": cursor})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == ["cursor"]


async def test_a_prompt_is_read_upwards_and_only_as_far_as_it_fits(services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, *("a b c d e" for _ in range(50)))

    async with services.db.read() as session:
        found = await messages.branch_up(session, its.ids[-1], tokens_max=32, overhead=3)
        alone = await messages.branch_up(session, its.ids[-1], tokens_max=0, overhead=3)

    assert [row["id"] for row in found] == its.ids[: -len(found) - 1 : -1]
    assert sum(row["tokens"] + 3 for row in found) == 40
    assert [row["id"] for row in alone] == its.ids[-1:]
    assert set(found[0].keys()) == {"id", "parent_id", "number", "role", "content", "tokens", "encoding", "status"}


async def test_a_prompt_that_fits_goes_up_to_the_first_message(services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, "one", "reply", "two")
    await its.say("two, edited", below=its.said[1])

    async with services.db.read() as session:
        found = await messages.branch_up(session, its.ids[-1], tokens_max=1000, overhead=3)

    assert [row["content"] for row in found] == ["two, edited", "reply", "one"]


async def test_a_message_is_only_found_in_its_own_conversation(services: Services, ann: Person) -> None:
    its, other = await talk(services, ann.id, "one"), await talk(services, ann.id, "two")

    async with services.db.begin() as session:
        found = await messages.find(session, its.id, its.ids[0])
        with pytest.raises(UnknownMessage):
            await messages.find(session, its.id, other.ids[0])
        with pytest.raises(UnknownMessage):
            await conversations.choose_branch(session, its.id, other.ids[0], services.clock.now())

    assert found.model_dump() == its.said[0].model_dump()


async def test_a_reply_grows_ends_and_can_be_carried_on(services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, "one")
    reply = await its.say("", status="streaming")
    seen = []

    async with services.db.begin() as session:
        await messages.checkpoint(session, reply.id, "so")
        seen.append(await messages.find(session, its.id, reply.id))
        ended = await finish(session, reply.id, "so far", status="stopped")
        await messages.checkpoint(session, reply.id, "too late")
        seen.append(await messages.find(session, its.id, reply.id))
        await messages.reopen(session, reply.id)
        await messages.checkpoint(session, reply.id, "so far so")
        seen.append(await messages.find(session, its.id, reply.id))

    assert ended
    assert [(one.status, one.content, one.tokens) for one in seen] == [
        ("streaming", "so", 0),
        ("stopped", "so far", 2),
        ("streaming", "so far so", 2),
    ]
    assert (seen[1].model, seen[1].finish_reason, seen[1].usage) == ("small", "stop", '{"tokensUsed":3}')


async def test_a_reply_whose_conversation_is_gone_cannot_be_ended(services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, "one")
    reply = await its.say("", status="streaming")

    async with services.db.begin() as session:
        await conversations.delete(session, ann.id, its.id, services.clock.now())
        await messages.checkpoint(session, reply.id, "so")
        ended = await finish(session, reply.id, "so far")

    assert not ended


async def finish(session: Any, message_id: str, content: str, status: str = "complete") -> bool:
    return await messages.finish(
        session,
        message_id,
        content=content,
        tokens=len(content.split()),
        encoding="o200k_base",
        status=status,
        model="small",
        finish_reason="stop",
        usage='{"tokensUsed":3}',
    )


async def test_usage_is_shown_as_it_was_told(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    its = await talk(services, ann.id, "one")
    reply = await its.say("", status="streaming")
    async with services.db.begin() as session:
        await finish(session, reply.id, "so far")

    found = await shown(client, ann, its)

    assert (found[1]["usage"], found[1]["finishReason"], found[1]["model"]) == ({"tokensUsed": 3}, "stop", "small")
