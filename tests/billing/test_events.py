"""Every open tab hears of a payment and sees the new balance, without asking again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2

from tests.billing.buying import STARTER, WELCOME, Buyer
from tests.events.test_channel import frames
from tests.waiting import WAIT_SECONDS_MAX


async def test_a_purchase_and_its_refund_reach_every_open_tab(buyer: Buyer, hooked: None, live_url: str) -> None:
    async with (
        httpx2.AsyncClient(
            base_url=live_url, headers=buyer.person.headers, timeout=WAIT_SECONDS_MAX, trust_env=False
        ) as far,
        far.stream("GET", "/api/events") as one,
        far.stream("GET", "/api/events") as two,
    ):
        tabs = [frames(one), frames(two)]
        for tab in tabs:
            assert (await anext(tab))[0] == "balance"

        begun = await buyer.pay()
        bought = [await until_paid(tab) for tab in tabs]
        buyer.till.refund(buyer.intent(begun["sessionId"]))
        returned = [await until_returned(tab) for tab in tabs]

    assert bought == [WELCOME + STARTER] * 2
    assert returned == [STARTER] * 2


async def test_a_plan_that_changes_reaches_open_tabs_though_no_time_has_passed(
    buyer: Buyer, hooked: None, live_url: str
) -> None:
    begun = await buyer.buy("monthly")
    await buyer.till.settled()
    async with (
        httpx2.AsyncClient(
            base_url=live_url, headers=buyer.person.headers, timeout=WAIT_SECONDS_MAX, trust_env=False
        ) as far,
        far.stream("GET", "/api/events") as line,
    ):
        tab = frames(line)
        await anext(tab)
        buyer.till.cancel_plan(buyer.subscription(begun["sessionId"]))
        cancelled = await anext(tab)
        buyer.till.resume_plan(buyer.subscription(begun["sessionId"]))
        resumed = await anext(tab)

    assert (cancelled[0], resumed[0]) == ("payment", "payment")
    assert cancelled[1] == resumed[1]
    assert set(cancelled[1]) == {"orderId", "status", "tokensGranted", "tokensReturned", "updatedAt"}


async def test_who_was_away_is_told_of_the_payments_too(buyer: Buyer, hooked: None, live_url: str) -> None:
    await buyer.buy()
    await buyer.till.settled()
    async with (
        httpx2.AsyncClient(
            base_url=live_url, headers=buyer.person.headers, timeout=WAIT_SECONDS_MAX, trust_env=False
        ) as far,
        far.stream("GET", "/api/events?again=true") as line,
    ):
        assert await until_paid(frames(line)) == WELCOME + STARTER


async def until_paid(tab: AsyncIterator[tuple[str, dict[str, Any]]]) -> int:
    """The balance that was last heard of before the payment."""
    balance = 0
    async for event, data in tab:
        if event == "balance":
            balance = data["balance"]
        if event == "payment" and data["status"] == "paid":
            assert data["tokensGranted"] == STARTER
            return balance
    raise AssertionError("The channel ended.")


async def until_returned(tab: AsyncIterator[tuple[str, dict[str, Any]]]) -> int:
    async for event, data in tab:
        if event == "payment" and data["tokensReturned"]:
            return int(data["tokensReturned"])
    raise AssertionError("The channel ended.")
