"""From a package to tokens, by way of Stripe's own SDK and a till that speaks its protocol."""

from __future__ import annotations

import asyncio

import pytest

from app.stripe_sandbox.till import Pay
from tests.billing.buying import STARTER, WELCOME, Buyer


async def test_what_is_for_sale_is_public(buyer: Buyer) -> None:
    answer = await buyer.client.get("/api/billing/packages")

    found = answer.json()["packages"]
    assert [one["id"] for one in found] == ["starter", "regular", "large", "monthly"]
    assert found[0].items() >= {"tokens": STARTER, "priceUsd": 500, "currency": "usd", "kind": "once"}.items()
    assert answer.json()["payments"] == "sandbox"


@pytest.mark.usefixtures("hooked")
async def test_a_purchase_is_granted_by_the_webhook_alone(buyer: Buyer) -> None:
    await buyer.pay()

    assert await buyer.balance() == WELCOME + STARTER
    assert (await buyer.order())["status"] == "paid"


async def test_a_purchase_is_granted_by_the_return_page_alone(buyer: Buyer) -> None:
    begun = await buyer.pay()

    completed = await buyer.complete(begun["sessionId"])

    assert completed == {"status": "paid", "tokensGranted": STARTER, "debtPaid": 0, "balance": WELCOME + STARTER}
    assert await buyer.balance() == WELCOME + STARTER


@pytest.mark.usefixtures("hooked")
async def test_webhook_and_return_page_together_grant_once(buyer: Buyer) -> None:
    begun = await buyer.begin()
    buyer.till.pay(begun["sessionId"])

    await asyncio.gather(buyer.till.settled(), *(buyer.complete(begun["sessionId"]) for _ in range(5)))

    assert await buyer.kinds() == [("purchase", STARTER)]


async def test_a_double_click_is_one_order_and_one_session(buyer: Buyer) -> None:
    first, second = await asyncio.gather(buyer.begin(), buyer.begin())

    third = await buyer.begin()

    assert first == second == third
    assert len((await buyer.get("orders"))["orders"]) == 1


async def test_an_unpaid_session_that_is_complete_grants_nothing(buyer: Buyer) -> None:
    begun = await buyer.pay(how=Pay.DEBIT_SUCCEEDS)

    assert (await buyer.complete(begun["sessionId"]))["status"] == "pending"
    assert await buyer.kinds() == []
