"""The statement: opening + Σ = closing, for any two moments, in pages, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import timedelta

import httpx2
import pytest

from app.ledger import ledger
from app.ledger.ledger import Terms, Used
from app.ledger.rates import Rates
from app.services import Services
from tests.conftest import Person

URL = "/api/billing/ledger"


async def spend(services: Services, user_id: str, number: int, *, prompt: int = 10, completion: int = 5) -> None:
    terms = Terms(prompt, 100, Rates(), model="small", conversation_id="cnv_1", message_id=f"msg_{number}")
    async with services.db.begin() as session:
        await ledger.hold(session, user_id, terms, hold_id=f"hld_{user_id}_{number}", lifetime=timedelta(minutes=1))
    async with services.db.begin() as session:
        await ledger.settle(session, f"hld_{user_id}_{number}", Used(prompt, completion, "tiktoken"))


async def test_it_begins_with_nothing_and_ends_with_the_balance(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    await spend(services, ann.id, 1)

    body = (await client.get(URL, headers=ann.headers)).json()

    assert (body["opening"], body["closing"]) == (0, 985)
    assert [(entry["kind"], entry["tokens"], entry["balanceAfter"]) for entry in body["entries"]] == [
        ("welcome", 1000, 1000),
        ("usage", -15, 985),
    ]
    assert body["userId"] == ann.id
    assert body["nextCursor"] is None


async def test_every_cut_of_it_adds_up(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    for number in range(6):
        await spend(services, ann.id, number)
    whole = (await client.get(URL, headers=ann.headers)).json()
    moments = [entry["createdAt"] for entry in whole["entries"]]

    for start, end in itertools.combinations(moments, 2):
        part = (await client.get(URL, headers=ann.headers, params={"from": start, "to": end})).json()
        assert part["opening"] + sum(entry["tokens"] for entry in part["entries"]) == part["closing"]
        assert [entry["createdAt"] for entry in part["entries"]] == [at for at in moments if start <= at < end]


async def test_from_the_end_it_is_the_same_read_backwards_page_by_page(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    for number in range(6):
        await spend(services, ann.id, number)
    whole = (await client.get(URL, headers=ann.headers)).json()["entries"]
    within = {"from": whole[1]["createdAt"], "to": whole[6]["createdAt"]}

    seen: list[object] = []
    cursor, sums = None, set()
    while True:
        asked = {**within, "order": "newest", "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await client.get(URL, headers=ann.headers, params=asked)).json()
        seen, cursor = [*seen, *page["entries"]], page["nextCursor"]
        sums.add((page["opening"], page["closing"]))
        # What comes in between the pages moves none of them.
        await spend(services, ann.id, 100 + len(seen))
        if cursor is None:
            break

    assert seen == whole[5:0:-1]
    assert sums == {(1000, 1000 - 5 * 15)}


async def test_a_time_before_everything_or_after_it_is_an_empty_statement(
    client: httpx2.AsyncClient, ann: Person
) -> None:
    before = (await client.get(URL, headers=ann.headers, params={"to": "2001-01-01"})).json()
    after = (await client.get(URL, headers=ann.headers, params={"from": "2099-01-01"})).json()

    assert (before["opening"], before["closing"], before["entries"]) == (0, 0, [])
    assert (after["opening"], after["closing"], after["entries"]) == (1000, 1000, [])


async def test_a_date_as_the_end_means_the_whole_of_that_day(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    whole = (await client.get(URL, headers=ann.headers)).json()
    today = whole["entries"][0]["createdAt"][:10]

    within = (
        {"from": today, "to": today},
        {"to": today.replace("-", "")},
        {"to": "9999-12-31"},
        {"from": "", "to": ""},
    )
    bodies = [(await client.get(URL, headers=ann.headers, params=params)).json() for params in within]

    assert [body["entries"] for body in bodies] == [whole["entries"]] * 4


async def test_its_pages_join_without_a_gap_or_a_repetition(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    for number in range(7):
        await spend(services, ann.id, number)
    seen: list[int] = []
    params: dict[str, str | int] = {"limit": 3}

    while True:
        body = (await client.get(URL, headers=ann.headers, params=params)).json()
        seen += [entry["sequence"] for entry in body["entries"]]
        assert (body["opening"], body["closing"]) == (0, 895)
        if not body["nextCursor"]:
            break
        params["cursor"] = body["nextCursor"]

    assert seen == list(range(1, 9))


async def test_the_csv_says_what_the_json_says(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    for number in range(3):
        await spend(services, ann.id, number)
    entries = (await client.get(URL, headers=ann.headers)).json()["entries"]

    response = await client.get(URL, headers=ann.headers, params={"format": "csv"})

    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert response.headers["content-type"].startswith("text/csv")
    assert "attachment" in response.headers["content-disposition"]
    assert [(int(row["sequence"]), int(row["tokens"]), row["hash"]) for row in rows] == [
        (entry["sequence"], entry["tokens"], entry["hash"]) for entry in entries
    ]
    assert {row["userId"] for row in rows} == {ann.id}


async def test_a_long_csv_comes_whole(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    async with services.db.begin() as session:
        for number in range(1200):
            await ledger.credit(session, ann.id, 1, kind="adjustment", reference=f"drip {number}")

    response = await client.get(URL, headers=ann.headers, params={"format": "csv"})

    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [int(row["sequence"]) for row in rows] == list(range(1, 1202))
    assert int(rows[-1]["balanceAfter"]) == 2200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("from", "yesterday"),
        ("to", "2026-13-01"),
        ("from", "9999-12-31T23:59:59-14:00"),
        ("from", "\x00"),
        ("cursor", "nonsense"),
        ("cursor", "WyIyMDI2LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwgInVzcl8xIl0"),
        ("limit", "0"),
        ("format", "pdf"),
    ],
)
async def test_a_wrong_question_says_which_part_is_wrong(
    client: httpx2.AsyncClient, ann: Person, field: str, value: str
) -> None:
    response = await client.get(URL, headers=ann.headers, params={field: value})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert [fault["field"] for fault in response.json()["fields"]] == [field]


async def test_verifying_says_that_all_is_well(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    await spend(services, ann.id, 1)

    body = (await client.get(f"{URL}/verify", headers=ann.headers)).json()

    assert body == {"ok": True, "entries": 2, "firstBad": None}


async def test_nobody_sees_somebody_elses_money(
    client: httpx2.AsyncClient, services: Services, ann: Person, bob: Person
) -> None:
    await spend(services, ann.id, 1)

    statement = (await client.get(URL, headers=bob.headers)).json()
    usage = (await client.get("/api/billing/usage", headers=bob.headers)).json()

    assert [entry["kind"] for entry in statement["entries"]] == ["welcome"]
    assert usage["usage"] == []
