"""`Idempotency-Key`: the same request again has the same outcome and is done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
import pytest_asyncio
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from app.accounts.identity import identity
from app.edge import idempotency
from app.edge.endpoints import post, reply
from app.edge.idempotency import IdempotencyConflict, IdempotencyRunning
from app.edge.shapes import In, Out
from app.errors import Unavailable
from app.services import Services, services
from app.settings import Settings
from tests.conftest import Person
from tests.edge.rows import running
from tests.fakes.clock import FakeClock

PATH = "/api/order"


class Order(In):
    pieces: Annotated[int, Field(ge=0)]


class Ordered(Out):
    number: int
    pieces: int


class Kitchen:
    """What costs something: it counts the orders it cooked, and can be told to fail or to wait."""

    def __init__(self) -> None:
        self.cooked = 0
        self.broken = False
        self.open = asyncio.Event()
        self.open.set()

    async def cook(self, request: Request, body: Order) -> Response:
        its = services(request)
        ask = await idempotency.ask_of(request, identity(request).user_id)

        async def work() -> Response:
            await self.open.wait()
            if self.broken:
                raise Unavailable
            self.cooked += 1
            return reply(Ordered(number=self.cooked, pieces=body.pieces), 201)

        return await idempotency.once(its.db, its.clock, ask, work)


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()


@pytest_asyncio.fixture
async def app(settings: Settings, clock: FakeClock, kitchen: Kitchen) -> AsyncIterator[Starlette]:
    raises = [IdempotencyConflict, IdempotencyRunning, Unavailable]
    row = post(PATH, kitchen.cook, body=Order, returns=Ordered, status=201, raises=raises)
    async with running(settings, [row], clock=clock) as app:
        yield app


async def order(client: httpx2.AsyncClient, who: Person, key: str | None, pieces: int = 1) -> httpx2.Response:
    headers: dict[str, Any] = {**who.headers, **({"Idempotency-Key": key.encode()} if key is not None else {})}
    return await client.post(PATH, json={"pieces": pieces}, headers=headers)


async def test_the_same_key_and_body_get_the_first_answer_and_cost_nothing(
    client: httpx2.AsyncClient, kitchen: Kitchen, ann: Person
) -> None:
    first = await order(client, ann, "lunch")
    again = await order(client, ann, "lunch")

    assert (first.status_code, first.json()) == (201, {"number": 1, "pieces": 1})
    assert (again.status_code, again.content) == (201, first.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert kitchen.cooked == 1


async def test_without_a_key_every_request_is_its_own(
    client: httpx2.AsyncClient, kitchen: Kitchen, ann: Person
) -> None:
    numbers = [(await order(client, ann, None)).json()["number"] for _ in range(3)]

    assert numbers == [1, 2, 3]


async def test_a_hundred_equal_requests_at_once_are_one(
    client: httpx2.AsyncClient, kitchen: Kitchen, ann: Person
) -> None:
    kitchen.open.clear()
    asking = [asyncio.create_task(order(client, ann, "lunch")) for _ in range(100)]
    await asyncio.sleep(0)
    kitchen.open.set()

    answers = await asyncio.gather(*asking)

    assert kitchen.cooked == 1
    assert {answer.content for answer in answers} == {answers[0].content}
    assert [answer.headers.get("idempotency-replayed") for answer in answers].count("true") == 99


async def test_the_same_key_with_another_body_is_refused(
    client: httpx2.AsyncClient, kitchen: Kitchen, ann: Person
) -> None:
    await order(client, ann, "lunch", pieces=1)

    other = await order(client, ann, "lunch", pieces=2)

    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert kitchen.cooked == 1


async def test_a_key_belongs_to_its_user(
    client: httpx2.AsyncClient, kitchen: Kitchen, ann: Person, bob: Person
) -> None:
    numbers = [(await order(client, who, "lunch")).json()["number"] for who in (ann, bob)]

    assert numbers == [1, 2]


@pytest.mark.parametrize("key", ["", " ", "two words", "a" * 129, "tab\there", "caf\u00e9"])
async def test_a_key_that_is_none_is_refused(
    client: httpx2.AsyncClient, kitchen: Kitchen, ann: Person, key: str
) -> None:
    answer = await order(client, ann, key)

    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "Idempotency-Key")
    assert kitchen.cooked == 0


async def test_work_that_failed_may_be_tried_again_with_its_key(
    client: httpx2.AsyncClient, kitchen: Kitchen, ann: Person
) -> None:
    kitchen.broken = True
    failed = await order(client, ann, "lunch")
    kitchen.broken = False

    worked = await order(client, ann, "lunch")

    assert (failed.status_code, worked.status_code) == (503, 201)
    assert kitchen.cooked == 1


async def test_a_claim_whose_worker_died_is_taken_over_after_its_lease(
    client: httpx2.AsyncClient, kitchen: Kitchen, services: Services, clock: FakeClock, ann: Person
) -> None:
    first = await order(client, ann, "lunch")
    async with services.db.begin() as session:
        await session.run("UPDATE idempotency_keys SET status = NULL, headers = NULL, body = NULL")
    clock.advance(seconds=idempotency.LEASE.total_seconds() + 1)

    again = await order(client, ann, "lunch")

    assert (first.json()["number"], again.json()["number"]) == (1, 2)
    assert "idempotency-replayed" not in again.headers


async def test_a_key_is_forgotten_after_a_day(
    client: httpx2.AsyncClient, services: Services, clock: FakeClock, ann: Person
) -> None:
    await order(client, ann, "lunch", pieces=1)
    clock.advance(hours=23)
    remembered = await order(client, ann, "lunch", pieces=2)
    clock.advance(hours=2)
    async with services.db.begin() as session:
        swept = await idempotency.sweep(session, clock.now())

    forgotten = await order(client, ann, "lunch", pieces=2)

    assert (remembered.status_code, swept, forgotten.status_code) == (409, 1, 201)
