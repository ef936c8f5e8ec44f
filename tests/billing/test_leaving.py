"""Whoever leaves pays nothing more; and what arrives for them later is booked, and told to the operator."""

from __future__ import annotations

import pytest

from app.accounts import accounts
from app.billing import asking
from app.billing.gateway import PaymentsFailed
from app.billing.leaving import leave
from app.billing.reconcile import reconcile
from app.stripe_sandbox.till import Pay
from tests.billing.buying import MONTHLY, STARTER, WELCOME, Buyer, books_of, kinds_of
from tests.billing.line import LOST, Line
from tests.billing.posting import about, deliver
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.usefixtures("line")


async def close(buyer: Buyer) -> None:
    """As deleting an account does: the row stays, and nobody comes in by it."""
    async with buyer.services.db.begin() as session:
        await accounts.disable(session, buyer.person.id, buyer.services.clock.now())


def at_stripe(buyer: Buyer, kind: str) -> list[str]:
    return [thing["status"] for thing in buyer.till.books.every(kind)]


async def test_leaving_ends_the_plan_at_stripe_at_once_and_the_tokens_stay(buyer: Buyer, hooked: None) -> None:
    await buyer.pay("monthly")

    for _ in range(2):
        await leave(buyer.services.shop, buyer.person.id)
    await buyer.till.settled()

    assert at_stripe(buyer, "subscription") == ["canceled"]
    assert (await buyer.role(), (await buyer.order())["status"]) == ("user", "ended")
    assert await buyer.kinds() == [("subscription", MONTHLY)]


async def test_leaving_ends_a_plan_that_no_webhook_has_told_us_of(buyer: Buyer) -> None:
    begun = await buyer.begin("monthly")
    buyer.till.pay(begun["sessionId"])

    await leave(buyer.services.shop, buyer.person.id)

    assert at_stripe(buyer, "subscription") == ["canceled"]
    assert await buyer.role() == "user"


async def test_leaving_closes_every_page_to_pay_at_and_the_orders_with_them(buyer: Buyer) -> None:
    for package in ("starter", "regular", "monthly"):
        await buyer.begin(package)

    await leave(buyer.services.shop, buyer.person.id)

    assert at_stripe(buyer, "checkout.session") == ["expired"] * 3
    assert [order["status"] for order in (await buyer.get("orders"))["orders"]] == ["expired"] * 3


async def test_leaving_closes_a_page_whose_address_was_lost_on_its_way_to_us(buyer: Buyer, line: Line) -> None:
    line.next = [None, LOST, LOST, LOST]
    assert (await buyer.post("checkout", json={"packageId": "starter"})).status_code == 502

    await leave(buyer.services.shop, buyer.person.id)

    assert at_stripe(buyer, "checkout.session") == ["expired"]


async def test_while_stripe_is_away_leaving_fails_and_the_next_try_ends_the_plan(buyer: Buyer, line: Line) -> None:
    await buyer.buy("monthly")
    for broken in ([500] * 3, [LOST] * 3, [None, 500, 500, 500], [None, None, LOST, LOST, LOST]):
        line.next = list(broken)

        with pytest.raises(PaymentsFailed):
            await leave(buyer.services.shop, buyer.person.id)

    line.next = []
    await leave(buyer.services.shop, buyer.person.id)
    assert at_stripe(buyer, "subscription") == ["canceled"]
    assert await buyer.role() == "user"


async def test_a_key_that_stripe_refuses_is_no_reason_to_think_that_nothing_is_open(
    buyer: Buyer, hooked: None, line: Line
) -> None:
    await buyer.pay("monthly")
    line.next = [401]

    with pytest.raises(PaymentsFailed):
        await leave(buyer.services.shop, buyer.person.id)


async def test_who_has_bought_nothing_leaves_without_stripe_being_asked(buyer: Buyer, line: Line) -> None:
    line.next = [500] * 3

    await leave(buyer.services.shop, buyer.person.id)

    assert line.asked == []


@pytest.mark.parametrize("more_settings", [{"stripe_secret_key": "", "stripe_sandbox": "off"}])
async def test_with_payments_off_one_can_leave(buyer: Buyer) -> None:
    await leave(buyer.services.shop, buyer.person.id)


async def test_what_stripe_no_longer_knows_keeps_nobody_here(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.begin()
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE customers SET stripe_id = 'cus_gone'")
        await session.run("UPDATE orders SET session_id = 'cs_gone' WHERE id = $1", begun["orderId"])

    await leave(buyer.services.shop, buyer.person.id)


async def test_a_debit_that_arrives_for_an_account_that_is_closed_is_booked_and_named_until_it_is_refunded(
    buyer: Buyer, clock: FakeClock
) -> None:
    begun = await buyer.pay(how=Pay.DEBIT_SUCCEEDS)
    await buyer.complete(begun["sessionId"])
    await leave(buyer.services.shop, buyer.person.id)
    await close(buyer)
    clock.advance(minutes=5)
    buyer.till.finish_debit(begun["sessionId"])
    event = about("checkout.session.async_payment_succeeded", {"id": begun["sessionId"]})

    assert (await deliver(buyer.client, event)).status_code == 200

    assert await kinds_of(buyer.services, buyer.person.id) == [("purchase", STARTER)]
    shop = buyer.services.shop
    named = f"order {begun['orderId']} was paid for an account that is closed; `prome refund` gives the money back"
    assert [(await reconcile(shop, buyer.services.inbox)).wrong for _ in range(2)] == [[named]] * 2
    noted = await asking.refund_order(shop, begun["orderId"], None, everything=True)
    assert (noted.state, noted.cents) == ("taken", 500)
    assert (await reconcile(shop, buyer.services.inbox)).wrong == []


async def test_a_plan_that_goes_on_for_an_account_that_is_closed_is_named(
    buyer: Buyer, hooked: None, clock: FakeClock
) -> None:
    begun = await buyer.pay("monthly")
    await close(buyer)

    report = await reconcile(buyer.services.shop, buyer.services.inbox)

    plan = buyer.subscription(begun["sessionId"])
    assert report.wrong == [f"plan {plan} takes money for an account that is closed; end it at Stripe"]


async def test_an_operator_refunds_the_order_of_a_closed_account_without_tokens_to_take(
    buyer: Buyer, hooked: None
) -> None:
    begun = await buyer.pay()
    await buyer.spend(WELCOME + STARTER)
    await close(buyer)

    noted = await asking.refund_order(buyer.services.shop, begun["orderId"], None, everything=True)
    await buyer.till.settled()

    assert (noted.state, noted.cents, noted.tokens) == ("taken", 500, STARTER)
    has = await books_of(buyer.services, buyer.person.id)
    assert (has.balance, has.owed) == (0, STARTER)
