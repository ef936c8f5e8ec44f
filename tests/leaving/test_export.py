"""Everything that is known about somebody, in one file that nobody has to hold in memory."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import jsonschema_rs

from app.leaving import export
from app.services import Services
from tests.billing.buying import MONTHLY, STARTER, WELCOME, Buyer
from tests.conftest import Person
from tests.conversations.talking import talk
from tests.leaving.going import everything

URL = "/api/account/export"
PIECE_CHARS_MAX = 64_000


async def taken_along(client: httpx2.AsyncClient, person: Person) -> dict[str, Any]:
    answer = await client.get(URL, headers=person.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_it_is_a_file_and_holds_what_is_mine_and_nothing_else(
    client: httpx2.AsyncClient, services: Services, ann: Person, bob: Person
) -> None:
    mine = await talk(services, ann.id, "a question", "an answer", title="Mine")
    await mine.say("another answer", below=mine.said[0])
    await talk(services, bob.id, "a secret", title="Not mine")

    answer = await client.get(URL, headers=ann.headers)

    assert answer.headers["content-disposition"].startswith('attachment; filename="prome-')
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/json", "no-store")
    found = answer.json()
    assert (found["profile"]["email"], found["profile"]["balance"]) == (ann.email, 1000)
    assert [(one["kind"], one["tokens"]) for one in found["statement"]] == [("welcome", 1000)]
    assert [one["current"] for one in found["sessions"]] == [True]
    assert (found["orders"], found["plan"], found["usage"]) == ([], None, [])
    (only,) = found["conversations"]
    assert only["conversation"]["title"] == "Mine"
    # Two answers to the same question stand in the order of their ids, which may be of the same millisecond here.
    asked, *answers = [each["content"] for each in only["messages"]]
    assert (asked, sorted(answers)) == ("a question", ["an answer", "another answer"])
    assert "secret" not in answer.text


async def test_it_keeps_secrets_of_ours_out(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    text = (await client.get(URL, headers=ann.headers)).text
    async with services.db.read() as session:
        row = await session.row("SELECT password_hash FROM users WHERE id = $1", ann.id)

    assert row is not None
    assert row["password_hash"] in await everything(services)
    assert row["password_hash"] not in text
    assert "place" not in text


async def test_it_is_what_the_documentation_says(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    await talk(services, ann.id, "a question", "an answer")
    api = (await client.get("/openapi.json")).json()
    schema = {"$ref": "#/components/schemas/EverythingOut", "components": api["components"]}

    found = await taken_along(client, ann)

    jsonschema_rs.validate(schema, found)


async def test_orders_plan_usage_and_a_long_statement_are_whole(buyer: Buyer, hooked: None) -> None:
    await buyer.buy("starter")
    await buyer.buy("monthly")
    for _ in range(105):
        await buyer.spend(3)

    found = await taken_along(buyer.client, buyer.person)

    assert {(one["packageId"], one["state"], one["tokensGranted"]) for one in found["orders"]} == {
        ("starter", "paid", STARTER),
        ("monthly", "paid", MONTHLY),
    }
    assert found["plan"]["status"] == "active"
    assert [one["sequence"] for one in found["statement"]] == list(range(1, 109))
    assert sum(one["tokens"] for one in found["statement"]) == found["profile"]["balance"]
    assert found["profile"]["balance"] == WELCOME + STARTER + MONTHLY - 3 * 105
    assert len({one["id"] for one in found["usage"]}) == 105


async def test_two_thousand_conversations_come_in_small_pieces_each_of_them_once(
    services: Services, ann: Person
) -> None:
    rows = 2_000
    async with services.db.begin() as session:
        for number in range(rows):
            await session.run(
                """INSERT INTO conversations (id, user_id, title, titled_by, created_at, updated_at)
                   VALUES ($1, $2, $3, 'words', $4, $4)""",
                *(f"cnv_{number:05}", ann.id, f"Talk {number}", services.clock.now()),
            )

    pieces = [piece async for piece in export.everything(services.shop, ann.id, "sgn_none")]

    titles = [one["conversation"]["title"] for one in json.loads("".join(pieces))["conversations"]]
    assert titles == [f"Talk {number}" for number in range(rows)]
    assert max(len(piece) for piece in pieces) < PIECE_CHARS_MAX
