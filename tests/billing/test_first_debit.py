"""A plan whose first month is paid by a bank debit: nothing for days, and then a plan, or none at all."""

from __future__ import annotations

import pytest

from app.billing.reconcile import reconcile
from app.stripe_sandbox.till import Pay
from tests.billing.buying import MONTHLY, Buyer
from tests.billing.test_plans import plan
from tests.fakes.clock import FakeClock


async def test_a_first_month_whose_debit_is_on_its_way_brings_its_tokens_when_it_arrives(
    buyer: Buyer, hooked: None
) -> None:
    begun = await buyer.pay("monthly", Pay.DEBIT_SUCCEEDS)
    assert (await buyer.order())["status"] == "pending"
    assert await buyer.kinds() == []

    buyer.till.finish_debit(begun["sessionId"])
    await buyer.till.settled()

    assert await buyer.kinds() == [("subscription", MONTHLY)]
    assert (await buyer.order())["status"] == "paid"


@pytest.mark.parametrize("kind", ["checkout.session.async_payment_failed", "customer.subscription.updated"])
async def test_a_first_month_whose_debit_comes_back_has_failed_and_its_plan_is_over(
    buyer: Buyer, hooked: None, kind: str
) -> None:
    begun = await buyer.pay("monthly", Pay.DEBIT_FAILS)
    assert (await buyer.complete(begun["sessionId"]))["status"] == "pending"

    buyer.till.finish_debit(begun["sessionId"])
    await buyer.till.settled()
    buyer.till.resend(buyer.till.events(kind)[-1]["id"], as_new=True)
    await buyer.till.settled()

    assert (await buyer.complete(begun["sessionId"]))["status"] == "failed"
    assert (await buyer.order())["status"] == "failed"
    assert (await plan(buyer))["status"] == "canceled"
    assert await buyer.role() == "user"
    assert await buyer.kinds() == []


async def test_the_return_page_alone_says_that_the_first_debit_of_a_plan_came_back(buyer: Buyer) -> None:
    begun = await buyer.pay("monthly", Pay.DEBIT_FAILS)
    assert (await buyer.complete(begun["sessionId"]))["status"] == "pending"

    buyer.till.finish_debit(begun["sessionId"])

    assert (await buyer.complete(begun["sessionId"]))["status"] == "failed"
    assert await buyer.role() == "user"
    assert buyer.till.books.find("subscription", buyer.subscription(begun["sessionId"]))["status"] == "canceled"


async def test_after_a_first_debit_that_came_back_the_plan_can_be_bought_again(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay("monthly", Pay.DEBIT_FAILS)
    buyer.till.finish_debit(begun["sessionId"])
    await buyer.till.settled()

    await buyer.buy("monthly")

    assert await buyer.kinds() == [("subscription", MONTHLY)]
    assert await buyer.role() == "subscriber"


async def test_a_failed_plan_that_could_not_be_ended_at_once_is_ended_later(buyer: Buyer, clock: FakeClock) -> None:
    begun = await buyer.pay("monthly", Pay.DEBIT_FAILS)
    await buyer.complete(begun["sessionId"])
    buyer.till.finish_debit(begun["sessionId"])
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE orders SET state = 'failed'")
    clock.advance(hours=13)

    await reconcile(buyer.services.shop, buyer.services.inbox)

    assert (await plan(buyer))["status"] == "canceled"
    assert await buyer.role() == "user"
    assert (await buyer.order())["status"] == "failed"
