"""Several tabs of one buyer, while Stripe takes its time: one page to pay at, and one plan."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from app.billing import checkout, orders, packages
from app.billing.packages import Offer
from app.billing.reconcile import reconcile
from app.billing.tables import Order
from tests.billing.buying import MONTHLY, STARTER, WELCOME, Buyer
from tests.billing.line import Line
from tests.fakes.clock import FakeClock
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("line")

TOKENS = {"starter": STARTER, "monthly": MONTHLY}
SESSIONS = "POST /v1/checkout/sessions"


class SlowTab:
    """A click whose page Stripe is still making."""

    def __init__(self, buyer: Buyer, line: Line, package_id: str) -> None:
        self._buyer, self._line, self._package_id = buyer, line, package_id
        self._thought = asyncio.Event()

    async def click(self) -> Order:
        """The order that it began."""
        await self._buyer.begin("large")
        self._line.next, before = [self._thought], self._sessions()
        self._answer = asyncio.create_task(self._buyer.post("checkout", json={"packageId": self._package_id}))
        await eventually(lambda: self._sessions() > before)
        async with self._buyer.services.db.read() as session:
            found = await orders.find(session, self._line.asked[-1][1])
        assert found is not None
        return found

    async def answer(self) -> httpx2.Response:
        self._thought.set()
        return await self._answer

    def _sessions(self) -> int:
        return [path for path, _ in self._line.asked].count(SESSIONS)


async def another_plan(buyer: Buyer) -> None:
    offer = Offer(id="big", name="Big", tokens=900_000, price_cents=5000, currency="usd", kind="month")
    async with buyer.services.db.begin() as session:
        await packages.put(session, [offer], buyer.services.clock.now(), change=False)


def payable(buyer: Buyer) -> list[str]:
    """But for the pack that every tab here begins with."""
    opened = buyer.till.books.every("checkout.session", status="open")
    return [one["id"] for one in opened if one["amount_total"] != 7000]


async def state_of(buyer: Buyer, order_id: str) -> tuple[str, int]:
    found = (await buyer.get("orders"))["orders"]
    return next((order["status"], order["tokensGranted"]) for order in found if order["id"] == order_id)


async def set_state(buyer: Buyer, order_id: str, state: str) -> None:
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE orders SET state = $2 WHERE id = $1", order_id, state)


@pytest.mark.parametrize("package_id", TOKENS)
async def test_a_second_click_while_stripe_still_thinks_is_to_be_tried_again_and_the_first_is_paid(
    buyer: Buyer, hooked: None, line: Line, package_id: str
) -> None:
    slow = SlowTab(buyer, line, package_id)
    order = await slow.click()

    second = await buyer.post("checkout", json={"packageId": package_id})
    first = (await slow.answer()).json()
    third = await buyer.begin(package_id)

    assert (second.status_code, second.json()["code"]) == (502, "payments_failed")
    assert first["orderId"] == order.id
    assert first == third
    assert payable(buyer) == [first["sessionId"]]
    buyer.till.pay(first["sessionId"])
    await buyer.till.settled()
    assert (await buyer.complete(first["sessionId"]))["status"] == "paid"
    assert await state_of(buyer, order.id) == ("paid", TOKENS[package_id])


async def test_two_plans_in_two_tabs_are_one_page_to_pay_at(buyer: Buyer, line: Line) -> None:
    await another_plan(buyer)
    slow = SlowTab(buyer, line, "monthly")
    order = await slow.click()

    later = await buyer.begin("big")
    first = await slow.answer()

    assert (first.status_code, first.json()["code"]) == (409, "checkout_replaced")
    assert await state_of(buyer, order.id) == ("expired", 0)
    assert payable(buyer) == [later["sessionId"]]


async def test_a_page_that_came_while_its_order_was_being_put_aside_is_closed_with_it(buyer: Buyer, line: Line) -> None:
    slow = SlowTab(buyer, line, "monthly")
    before = await slow.click()
    await slow.answer()

    await checkout.put_aside(buyer.services.shop, before)

    assert await state_of(buyer, before.id) == ("expired", 0)
    assert payable(buyer) == []


async def test_a_page_of_an_order_that_failed_in_another_tab_is_given_to_nobody(buyer: Buyer, line: Line) -> None:
    slow = SlowTab(buyer, line, "starter")
    order = await slow.click()
    await set_state(buyer, order.id, "failed")

    answer = await slow.answer()

    assert (answer.status_code, answer.json()["code"]) == (409, "checkout_replaced")
    assert payable(buyer) == []


@pytest.mark.parametrize("state", ["failed", "expired"])
@pytest.mark.parametrize("package_id", TOKENS)
@pytest.mark.parametrize("by", ["the way back", "reconcile"])
async def test_an_order_that_was_given_up_and_is_paid_all_the_same_is_paid(
    buyer: Buyer, clock: FakeClock, state: str, package_id: str, by: str
) -> None:
    begun = await buyer.pay(package_id)
    await set_state(buyer, begun["orderId"], state)

    if by == "reconcile":
        clock.advance(minutes=2)
        report = await reconcile(buyer.services.shop, buyer.services.inbox)
        assert report.did == [f"order {begun['orderId']} is paid, as session {begun['sessionId']} says"]
        assert report.wrong == []
    completed = await buyer.complete(begun["sessionId"])

    assert completed == {
        "status": "paid",
        "tokensGranted": TOKENS[package_id],
        "debtPaid": 0,
        "balance": WELCOME + TOKENS[package_id],
    }
    assert await state_of(buyer, begun["orderId"]) == ("paid", TOKENS[package_id])
    assert await buyer.balance() == WELCOME + TOKENS[package_id]


async def test_a_plan_that_was_given_up_stays_so_beside_another_and_its_tokens_show_and_it_is_named(
    buyer: Buyer, clock: FakeClock
) -> None:
    given_up = await buyer.pay("monthly")
    await set_state(buyer, given_up["orderId"], "expired")
    await buyer.pay("monthly")
    clock.advance(minutes=2)

    report = await reconcile(buyer.services.shop, buyer.services.inbox)

    assert await state_of(buyer, given_up["orderId"]) == ("expired", MONTHLY)
    plan = buyer.subscription(given_up["sessionId"])
    assert f"plan {plan} takes money, and its order {given_up['orderId']} is expired; end it at Stripe" in report.wrong
