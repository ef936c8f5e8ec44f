"""Stripe that is down, slow to answer or in error, a database that is away, and a server that dies in the middle."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest

from app.billing import asking
from app.billing.inbox import Inbox
from app.billing.reconcile import reconcile
from app.db import Database, DatabaseUnavailable
from tests.billing.buying import STARTER, WELCOME, Buyer
from tests.billing.line import LOST, Line
from tests.billing.posting import about, deliver, signed
from tests.fakes.clock import FakeClock
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("line")


async def test_one_error_of_stripe_s_is_tried_again_with_the_same_key(buyer: Buyer, line: Line) -> None:
    line.next = [None, 500]

    begun = await buyer.begin()

    keys = [key for path, key in line.asked if path == "POST /v1/checkout/sessions"]
    assert keys == [begun["orderId"]] * 2
    assert len(buyer.till.books.every("checkout.session")) == 1


async def test_while_stripe_is_in_error_buying_is_502_and_the_next_try_is_another_order(
    buyer: Buyer, line: Line
) -> None:
    line.next = [None, 500, 500, 500]

    answer = await buyer.post("checkout", json={"packageId": "starter"})

    assert (answer.status_code, answer.json()["code"]) == (502, "payments_failed")
    begun = await buyer.begin()
    assert [order["status"] for order in (await buyer.get("orders"))["orders"]] == ["open", "failed"]
    assert begun["orderId"] == (await buyer.order())["id"]


async def test_an_answer_that_is_lost_on_the_way_is_the_same_session_the_next_time(buyer: Buyer, line: Line) -> None:
    line.next = [None, LOST, LOST, LOST]

    answer = await buyer.post("checkout", json={"packageId": "starter"})
    begun = await buyer.begin()

    assert answer.status_code == 502
    assert [one["id"] for one in buyer.till.books.every("checkout.session")] == [begun["sessionId"]]
    assert len((await buyer.get("orders"))["orders"]) == 1


@pytest.mark.parametrize("more_settings", [{"stripe_api_base": "http://127.0.0.1:1"}])
async def test_when_nobody_answers_at_stripe_s_address_the_order_waits(buyer: Buyer) -> None:
    answer = await buyer.post("checkout", json={"packageId": "starter"})

    assert (answer.status_code, answer.json()["code"]) == (502, "payments_failed")
    assert (await buyer.order())["status"] == "open"


async def test_an_event_that_cannot_be_looked_up_now_is_kept_and_tried_again(
    buyer: Buyer, line: Line, clock: FakeClock
) -> None:
    begun = await buyer.pay()
    line.next = [500, 500, 500]

    answer = await deliver(buyer.client, about("checkout.session.completed", {"id": begun["sessionId"]}))

    assert answer.status_code == 200
    assert await buyer.kinds() == []
    assert await buyer.services.inbox.retry() == 0, "it is not due yet"
    clock.advance(minutes=2)
    assert await buyer.services.inbox.retry() == 1
    assert await buyer.kinds() == [("purchase", STARTER)]
    assert await buyer.services.inbox.retry() == 0


async def test_an_event_that_never_works_is_given_up_some_day_and_can_be_sent_again(
    buyer: Buyer, line: Line, clock: FakeClock
) -> None:
    event = about("checkout.session.completed", {"id": "cs_test_of_another_account"})
    await deliver(buyer.client, event)

    tries = 1
    while await state_of(buyer) == "new":
        clock.advance(hours=2)
        await buyer.services.inbox.retry()
        tries += 1

    assert (await state_of(buyer), tries) == ("given_up", 85)
    assert (await deliver(buyer.client, event)).status_code == 200


async def test_a_refund_whose_answer_is_lost_takes_the_tokens_and_is_asked_for_again(
    buyer: Buyer, line: Line, clock: FakeClock
) -> None:
    begun = await buyer.buy()
    line.next = [LOST, LOST, LOST]

    answer = await buyer.post(f"orders/{begun['orderId']}/refund")

    assert answer.json()["status"] == "pending"
    assert await buyer.balance() == WELCOME
    clock.advance(minutes=2)
    report = await reconcile(buyer.services.shop, buyer.services.inbox)
    assert [words for words in report.did if "taken now" in words]
    assert len(buyer.till.books.every("refund")) == 1
    assert await buyer.kinds() == [("purchase", STARTER), ("refund", -STARTER)]


async def test_a_refund_that_never_arrived_is_asked_for_again(buyer: Buyer, line: Line, clock: FakeClock) -> None:
    begun = await buyer.buy()
    line.next = [500, 500, 500]
    assert (await buyer.post(f"orders/{begun['orderId']}/refund")).json()["status"] == "pending"

    again = await buyer.post(f"orders/{begun['orderId']}/refund")

    assert again.json()["status"] == "refunded"
    assert len(buyer.till.books.every("refund")) == 1
    assert await buyer.balance() == WELCOME


async def test_a_refund_that_is_refused_later_gives_the_tokens_back(buyer: Buyer, line: Line, clock: FakeClock) -> None:
    begun = await buyer.buy()
    line.next = [500, 500, 500]
    await asking.refund_order(buyer.services.shop, begun["orderId"], None)
    dispute = buyer.till.dispute(buyer.intent(begun["sessionId"]), inquiry=True)
    clock.advance(minutes=2)
    line.next = [None, 400]

    report = await reconcile(buyer.services.shop, buyer.services.inbox)

    assert [words for words in report.did if "Stripe refused" in words]
    assert dispute["id"]
    assert await buyer.balance() == WELCOME + STARTER


async def test_while_the_database_is_away_a_webhook_is_503_and_granted_once_when_it_comes_again(buyer: Buyer) -> None:
    begun = await buyer.pay()
    payload = orjson.dumps(about("checkout.session.completed", {"id": begun["sessionId"]}))
    without_a_database = Inbox(replace(buyer.services.shop, db=cast(Database, Away())))

    for _ in range(3):
        with pytest.raises(DatabaseUnavailable) as refused:
            await without_a_database.take(payload, signed(payload)["Stripe-Signature"])

    assert refused.value.status == 503
    for _ in range(3):
        await buyer.services.inbox.take(payload, signed(payload)["Stripe-Signature"])
    assert await buyer.kinds() == [("purchase", STARTER)]


class Away:
    def begin(self) -> Any:
        raise DatabaseUnavailable


async def test_a_request_that_is_cut_off_in_the_middle_still_grants(buyer: Buyer, line: Line) -> None:
    begun = await buyer.pay()
    payload = orjson.dumps(about("checkout.session.completed", {"id": begun["sessionId"]}))

    taking = asyncio.create_task(buyer.services.inbox.take(payload, signed(payload)["Stripe-Signature"]))
    await eventually(lambda: any(path.endswith(begun["sessionId"]) for path, _ in line.asked))
    taking.cancel()
    await buyer.services.inbox.drain()

    assert await buyer.kinds() == [("purchase", STARTER)]


async def state_of(buyer: Buyer) -> str:
    async with buyer.services.db.read() as session:
        row = await session.row("SELECT state FROM stripe_events")
    assert row is not None
    return str(row["state"])
