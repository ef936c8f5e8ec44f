"""Balance, usage, chart and receipt, as the world asks for them."""

from __future__ import annotations

from datetime import timedelta

import httpx2

from app.ledger import ledger
from app.ledger.ledger import Terms
from app.ledger.rates import Rates
from app.services import Services
from tests.conftest import Person
from tests.ledger.http.test_statement import spend


async def test_whoever_registers_is_welcomed_with_tokens_by_an_entry(client: httpx2.AsyncClient, ann: Person) -> None:
    me = (await client.get("/api/auth/me", headers=ann.headers)).json()["user"]
    balance = (await client.get("/api/billing/balance", headers=ann.headers)).json()

    assert me["balance"] == 1000
    assert balance == {"balance": 1000, "held": 0, "available": 1000, "owed": 0}


async def test_a_held_token_is_still_there_but_not_available(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    async with services.db.begin() as session:
        await ledger.hold(session, ann.id, Terms(100, 200, Rates()), hold_id="hld_1", lifetime=timedelta(minutes=1))

    balance = (await client.get("/api/billing/balance", headers=ann.headers)).json()

    assert balance == {"balance": 1000, "held": 300, "available": 700, "owed": 0}


async def test_usage_is_listed_newest_first_in_pages(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    for number in range(5):
        await spend(services, ann.id, number)

    first = (await client.get("/api/billing/usage", headers=ann.headers, params={"limit": 3})).json()
    rest = (
        await client.get("/api/billing/usage", headers=ann.headers, params={"limit": 3, "cursor": first["nextCursor"]})
    ).json()

    assert [row["messageId"] for row in first["usage"] + rest["usage"]] == [f"msg_{n}" for n in (4, 3, 2, 1, 0)]
    assert rest["nextCursor"] is None
    assert first["usage"][0] == {
        "id": f"hld_{ann.id}_4",
        "userId": ann.id,
        "conversationId": "cnv_1",
        "messageId": "msg_4",
        "model": "small",
        "promptTokens": 10,
        "completionTokens": 5,
        "tokensUsed": 15,
        "balanceAfter": 925,
        "type": "settled",
        "createdAt": first["usage"][0]["createdAt"],
    }


async def test_the_chart_adds_up_by_day_and_model(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    for number in range(3):
        await spend(services, ann.id, number)

    days = (await client.get("/api/billing/usage/daily", headers=ann.headers)).json()["days"]

    assert len(days) == 1
    assert days[0]["day"] == services.clock.now().date().isoformat()
    assert {name: days[0][name] for name in ("model", "promptTokens", "completionTokens", "tokensUsed", "replies")} == {
        "model": "small",
        "promptTokens": 30,
        "completionTokens": 15,
        "tokensUsed": 45,
        "replies": 3,
    }


async def test_a_receipt_says_in_numbers_what_happened(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    await spend(services, ann.id, 7)

    by_message = (await client.get("/api/billing/usage/msg_7", headers=ann.headers)).json()
    by_itself = (await client.get(f"/api/billing/usage/{by_message['id']}", headers=ann.headers)).json()

    assert by_message == by_itself
    told = {name: by_message[name] for name in ("held", "charged", "released", "surplus", "countedBy", "type")}
    assert told == {
        "held": 110,
        "charged": 15,
        "released": 95,
        "surplus": 0,
        "countedBy": "tiktoken",
        "type": "settled",
    }
    assert (by_message["inputRate"], by_message["outputRate"], by_message["balanceAfter"]) == (1000, 1000, 985)
    assert by_message["sequence"] == 2


async def test_somebody_elses_receipt_is_as_missing_as_one_that_never_was(
    client: httpx2.AsyncClient, services: Services, ann: Person, bob: Person
) -> None:
    await spend(services, ann.id, 7)

    theirs = await client.get("/api/billing/usage/msg_7", headers=bob.headers)
    missing = await client.get("/api/billing/usage/msg_8", headers=bob.headers)

    assert theirs.status_code == missing.status_code == 404
    assert theirs.json()["code"] == missing.json()["code"] == "not_found"
