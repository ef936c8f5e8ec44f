"""A price that is another at Stripe than here: it is not sold, and where it was paid all the same, nobody is stuck."""

from __future__ import annotations

import httpx2
import pytest

from app.billing import packages
from app.billing.reconcile import Report, reconcile
from app.stripe_sandbox.prices import make_price
from tests.billing.buying import WELCOME, Buyer
from tests.fakes.clock import FakeClock


def price_at_stripe(buyer: Buyer, cents: int, currency: str = "usd", *, monthly: bool = False) -> str:
    given = {"currency": currency, "unit_amount": cents, "product_data": {"name": "Pack"}}
    with buyer.till.books.change():
        made = make_price(buyer.till.books, {**given, **({"recurring": {"interval": "month"}} if monthly else {})})
    return str(made["id"])


async def change(buyer: Buyer, package_id: str, **changes: object) -> None:
    async with buyer.services.db.begin() as session:
        await packages.change(session, package_id, changes, buyer.services.clock.now())


async def click(buyer: Buyer, package_id: str = "regular") -> httpx2.Response:
    return await buyer.post("checkout", json={"packageId": package_id})


async def paid_misfit(buyer: Buyer, package_id: str = "regular") -> dict[str, str]:
    """Stripe says of a paid session what is not what we asked for."""
    begun = await buyer.pay(package_id)
    books = buyer.till.books
    session = books.find("checkout.session", begun["sessionId"])
    with books.change():
        books.put({**session, "amount_subtotal": 1})
        if session["invoice"]:
            invoice = books.find("invoice", session["invoice"])
            books.put({**invoice, "lines": {"data": [{**line, "amount": 1} for line in invoice["lines"]["data"]]}})
    return begun


async def run(buyer: Buyer) -> Report:
    return await reconcile(buyer.services.shop, buyer.services.inbox)


async def alerts(buyer: Buyer) -> int:
    found = (await buyer.client.get("/metrics")).text.splitlines()
    counted = 'prome_payment_alerts_total{kind="session_does_not_fit"} '
    return int(float(next(line for line in found if line.startswith(counted)).removeprefix(counted)))


@pytest.mark.parametrize("package_id", ["regular", "monthly"])
async def test_a_price_that_is_kept_at_stripe_is_sold(buyer: Buyer, hooked: None, package_id: str) -> None:
    monthly = package_id == "monthly"
    cents = 2500 if monthly else 2000
    await change(buyer, package_id, stripe_price_id=price_at_stripe(buyer, cents, monthly=monthly))

    await buyer.pay(package_id)

    order = await buyer.order()
    assert (order["status"], order["tokensGranted"]) == ("paid", order["tokens"])


@pytest.mark.parametrize(("cents", "currency"), [(2500, "usd"), (2000, "eur")])
@pytest.mark.parametrize("package_id", ["regular", "monthly"])
async def test_a_package_whose_price_at_stripe_is_another_is_not_sold_and_somebody_is_told(
    buyer: Buyer, package_id: str, cents: int, currency: str
) -> None:
    price = price_at_stripe(buyer, cents, currency, monthly=package_id == "monthly")
    await change(buyer, package_id, stripe_price_id=price, price_cents=2000 if currency == "eur" else 2100)

    answers = [await click(buyer, package_id) for _ in range(2)]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(409, "price_differs")}
    assert {one["status"] for one in buyer.till.books.every("checkout.session")} == {"expired"}
    assert (await buyer.order())["status"] == "failed"
    assert await alerts(buyer) == 2


async def test_a_page_that_asks_for_another_sum_is_not_given_out_a_second_time(buyer: Buyer) -> None:
    before = await buyer.begin()
    session = buyer.till.books.find("checkout.session", before["sessionId"])
    with buyer.till.books.change():
        buyer.till.books.put({**session, "amount_subtotal": 1})

    after = await buyer.begin()

    assert after["orderId"] != before["orderId"]
    assert buyer.till.books.find("checkout.session", before["sessionId"])["status"] == "expired"


async def test_a_package_is_sold_again_when_both_prices_are_the_same(buyer: Buyer, hooked: None) -> None:
    await change(buyer, "regular", stripe_price_id=price_at_stripe(buyer, 2000), price_cents=2500)
    assert (await click(buyer)).status_code == 409

    await change(buyer, "regular", price_cents=2000)
    await buyer.pay("regular")

    assert (await buyer.order())["status"] == "paid"


@pytest.mark.parametrize("package_id", ["regular", "monthly"])
async def test_who_paid_what_does_not_fit_can_buy_again_and_somebody_is_told(buyer: Buyer, package_id: str) -> None:
    misfit = await paid_misfit(buyer, package_id)

    again = await buyer.begin(package_id)

    assert again["orderId"] != misfit["orderId"]
    assert (await buyer.complete(misfit["sessionId"]))["status"] == "failed"
    assert await alerts(buyer) == 1
    buyer.till.pay(again["sessionId"])
    assert (await buyer.complete(again["sessionId"]))["status"] == "paid"


async def test_reconcile_names_what_was_paid_and_does_not_fit_until_the_money_has_gone_back(
    buyer: Buyer, clock: FakeClock
) -> None:
    misfit = await paid_misfit(buyer)
    await buyer.complete(misfit["sessionId"])
    clock.advance(minutes=2)
    named = f"session {misfit['sessionId']} is paid, and does not fit order {misfit['orderId']}"

    before = [(await run(buyer)).wrong for _ in range(2)]
    buyer.till.refund(buyer.intent(misfit["sessionId"]))

    assert before == [[named]] * 2
    assert (await run(buyer)).wrong == []
    assert (await buyer.kinds(), await buyer.balance()) == ([], WELCOME)


async def test_a_plan_that_does_not_fit_is_named_until_it_is_ended(buyer: Buyer, clock: FakeClock) -> None:
    misfit = await paid_misfit(buyer, "monthly")
    await buyer.complete(misfit["sessionId"])
    plan = buyer.subscription(misfit["sessionId"])
    named = f"plan {plan} takes money, and its order {misfit['orderId']} is failed; end it at Stripe"

    assert named in (await run(buyer)).wrong
    buyer.till.end_plan(plan)
    clock.advance(hours=13)

    await run(buyer)
    assert named not in (await run(buyer)).wrong
