"""What Stripe does not know, as after the sandbox was begun anew or under a key of another account, blocks nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.billing.gateway import Gateway
from app.billing.reconcile import Report, reconcile
from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.till import Pay, Till
from tests.billing.buying import MONTHLY, WELCOME, Buyer
from tests.billing.line import Line
from tests.fakes.clock import FakeClock
from tests.live import serve

pytestmark = pytest.mark.usefixtures("line")


async def run(buyer: Buyer) -> Report:
    return await reconcile(buyer.services.shop, buyer.services.inbox)


async def lose_session(buyer: Buyer, order_id: str) -> str:
    gone = f"cs_gone_{order_id}"
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE orders SET session_id = $2 WHERE id = $1", order_id, gone)
    return gone


async def lose_plan(buyer: Buyer) -> None:
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE plans SET id = 'sub_gone'")


async def statuses(buyer: Buyer) -> list[str]:
    return [order["status"] for order in (await buyer.get("orders"))["orders"]]


@pytest.mark.parametrize("package_id", ["starter", "monthly"])
async def test_a_click_after_the_page_was_forgotten_is_a_new_order(buyer: Buyer, package_id: str) -> None:
    before = await buyer.begin(package_id)
    await lose_session(buyer, before["orderId"])

    after = await buyer.begin(package_id)

    assert after["orderId"] != before["orderId"]
    assert await statuses(buyer) == ["open", "expired"]


async def test_after_a_debit_that_was_forgotten_another_plan_may_begin(buyer: Buyer, clock: FakeClock) -> None:
    begun = await buyer.pay("monthly", Pay.DEBIT_SUCCEEDS)
    await buyer.complete(begun["sessionId"])
    await lose_session(buyer, begun["orderId"])
    clock.advance(minutes=2)

    await run(buyer)
    await buyer.begin("monthly")

    assert await statuses(buyer) == ["open", "expired"]


async def test_the_way_back_from_a_page_that_was_forgotten_says_that_it_is_over(buyer: Buyer) -> None:
    begun = await buyer.begin()

    completed = await buyer.complete(await lose_session(buyer, begun["orderId"]))

    assert (completed["status"], completed["balance"]) == ("expired", WELCOME)


async def test_reconcile_closes_an_order_whose_page_was_forgotten_and_says_so_once(
    buyer: Buyer, clock: FakeClock
) -> None:
    begun = await buyer.begin()
    await lose_session(buyer, begun["orderId"])
    clock.advance(minutes=2)

    first, second = await run(buyer), await run(buyer)

    assert first.did == [f"order {begun['orderId']} was open and is expired"]
    assert (first.wrong, second.did, second.wrong) == ([], [], [])


async def test_reconcile_ends_a_plan_that_was_forgotten_and_says_so_once(
    buyer: Buyer, hooked: None, clock: FakeClock
) -> None:
    await buyer.pay("monthly")
    await lose_plan(buyer)
    assert await buyer.role() == "subscriber"
    clock.advance(hours=13)

    first, second = await run(buyer), await run(buyer)

    assert first.did == ["plan sub_gone was active and is ended, because Stripe does not know it"]
    assert (first.wrong, second.did, second.wrong) == ([], [], [])
    found = await buyer.get("orders")
    assert (found["plan"]["status"], found["orders"][0]["status"]) == ("canceled", "ended")
    assert found["plan"]["endedAt"] is not None
    assert await buyer.role() == "user"
    assert await buyer.balance() == WELCOME + MONTHLY
    await buyer.begin("monthly")


async def test_a_live_plan_outlasts_a_key_of_another_account(buyer: Buyer, hooked: None, clock: FakeClock) -> None:
    plan, shop = buyer.subscription((await buyer.pay("monthly"))["sessionId"]), buyer.services.shop
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE orders SET mode = 'live'")
    clock.advance(hours=13)
    async with Till(clock=clock, key="sk_live_other") as till, serve(sandbox(till)) as url:
        assert shop.gateway.account is not None
        account = replace(shop.gateway.account, key="sk_live_other", base=url, is_sandbox=False)
        gateway = Gateway(account)

        report = await reconcile(replace(shop, gateway=gateway), buyer.services.inbox)
        await gateway.close()

    assert f"plan {plan}: Stripe does not say how it is" in report.wrong
    assert await buyer.role() == "subscriber"


async def test_a_key_that_stripe_refuses_is_no_reason_to_close_or_end_anything(
    buyer: Buyer, hooked: None, line: Line, clock: FakeClock
) -> None:
    plan = buyer.subscription((await buyer.pay("monthly"))["sessionId"])
    clock.advance(hours=13)
    begun = await buyer.begin()
    clock.advance(minutes=2)
    line.next = [401, 401]

    report = await run(buyer)

    assert report.wrong == [
        f"order {begun['orderId']}: Stripe does not say how its session {begun['sessionId']} is",
        f"plan {plan}: Stripe does not say how it is",
    ]
    assert await statuses(buyer) == ["open", "paid"]
    assert await buyer.role() == "subscriber"
