"""Late or lost webhooks heal: reconcile catches up by the same ways in, says what it did, and what is wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import upkeep
from app.billing import grants
from app.billing.grants import Payment
from app.billing.looking_back import LookedBack
from app.billing.reconcile import Report, reconcile
from app.billing.tables import Order
from app.ledger import ledger
from app.stripe_sandbox.till import Fault, Pay
from tests.billing.buying import MONTHLY, STARTER, WELCOME, Buyer, books_of
from tests.fakes.clock import FakeClock


async def run(buyer: Buyer) -> Report:
    return await reconcile(buyer.services.shop, buyer.services.inbox)


async def test_with_webhook_and_way_back_both_lost_the_next_run_grants_once(buyer: Buyer, clock: FakeClock) -> None:
    begun = await buyer.pay()
    clock.advance(minutes=2)

    report, again = await run(buyer), await run(buyer)

    assert report.did == [f"order {begun['orderId']} was open and is paid"]
    assert (report.wrong, again.did, again.wrong) == ([], [], [])
    assert await buyer.kinds() == [("purchase", STARTER)]


async def test_a_session_whose_answer_was_lost_is_found_at_stripe(buyer: Buyer, clock: FakeClock) -> None:
    begun = await buyer.pay()
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE orders SET session_id = NULL")
    clock.advance(hours=2)

    report = await run(buyer)

    assert any(begun["sessionId"] in words for words in report.did)
    assert await buyer.balance() == WELCOME + STARTER


async def test_the_periodic_job_heals_as_well(buyer: Buyer, clock: FakeClock) -> None:
    await buyer.pay()
    clock.advance(minutes=2)

    await upkeep.reconcile_payments(buyer.services, LookedBack())

    assert await buyer.balance() == WELCOME + STARTER


async def test_a_plan_whose_webhooks_were_all_lost_is_caught_up_with(buyer: Buyer, clock: FakeClock) -> None:
    begun = await buyer.pay("monthly")
    clock.advance(minutes=2)
    await run(buyer)
    assert await buyer.role() == "subscriber"

    subscription = buyer.subscription(begun["sessionId"])
    buyer.till.renew(subscription)
    clock.advance(hours=13)
    await run(buyer)
    assert await buyer.kinds() == [("subscription", MONTHLY)] * 2

    buyer.till.end_plan(subscription)
    clock.advance(hours=13)
    report = await run(buyer)
    assert any("canceled" in words for words in report.did)
    assert await buyer.role() == "user"


async def test_a_refund_whose_webhook_was_lost_is_found_among_the_undelivered(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    buyer.till.lose_webhooks()
    buyer.till.refund(buyer.intent(begun["sessionId"]), 250)
    await buyer.till.settled()

    report = await run(buyer)

    assert any("refund.created" in words for words in report.did)
    assert await buyer.balance() == WELCOME + STARTER // 2


async def lose_a_refund(buyer: Buyer) -> None:
    begun = await buyer.pay()
    buyer.till.lose_webhooks()
    buyer.till.refund(buyer.intent(begun["sessionId"]), 250)
    await buyer.till.settled()


async def test_who_was_away_for_days_finds_all_that_stripe_still_keeps(
    buyer: Buyer, hooked: None, clock: FakeClock
) -> None:
    await lose_a_refund(buyer)
    clock.advance(days=29)

    await upkeep.reconcile_payments(buyer.services, LookedBack())

    assert (await books_of(buyer.services, buyer.person.id)).balance == WELCOME + STARTER // 2


async def test_with_stripe_out_of_reach_for_days_nothing_of_them_is_missed(
    buyer: Buyer, hooked: None, clock: FakeClock
) -> None:
    looked = LookedBack()
    await upkeep.reconcile_payments(buyer.services, looked)
    await lose_a_refund(buyer)
    for _ in range(4):
        clock.advance(days=1)
        buyer.till.fail_calls(*[Fault.ERROR] * 3)
        await upkeep.reconcile_payments(buyer.services, looked)
    assert await buyer.balance() == WELCOME + STARTER

    await upkeep.reconcile_payments(buyer.services, looked)

    assert await buyer.balance() == WELCOME + STARTER // 2


async def test_who_has_just_looked_need_not_look_at_a_whole_month_again(
    buyer: Buyer, hooked: None, clock: FakeClock
) -> None:
    await buyer.pay()
    looked = LookedBack()
    assert looked.by(clock.now()) == timedelta(days=30)

    await upkeep.reconcile_payments(buyer.services, looked)
    clock.advance(minutes=5)

    assert looked.by(clock.now()) == timedelta(days=3, minutes=5)


async def test_an_abandoned_order_without_a_session_is_closed(buyer: Buyer, clock: FakeClock) -> None:
    begun = await buyer.begin()
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE orders SET session_id = NULL")
    clock.advance(hours=2)

    report = await run(buyer)

    assert report.did == [f"order {begun['orderId']} was open and is expired"]


async def test_an_open_order_whose_session_has_expired_is_closed(buyer: Buyer, clock: FakeClock) -> None:
    begun = await buyer.begin()
    buyer.till.expire(begun["sessionId"])
    clock.advance(minutes=2)

    assert (await run(buyer)).did == [f"order {begun['orderId']} was open and is expired"]


async def test_a_grant_that_nobody_paid_for_is_named(buyer: Buyer, clock: FakeClock) -> None:
    begun = await buyer.pay(how=Pay.DEBIT_FAILS)
    await buyer.complete(begun["sessionId"])
    async with buyer.services.db.begin() as session:
        order = await session.one(Order, "SELECT * FROM orders")
        assert order is not None
        payment = Payment(begun["sessionId"], "purchase", 500, "usd", None)
        await grants.give(session, order, payment, clock.now())

    report = await run(buyer)

    assert [words for words in report.wrong if "which is not paid" in words]


async def test_an_entry_of_the_ledger_that_no_grant_stands_for_is_named(buyer: Buyer) -> None:
    await buyer.begin()
    async with buyer.services.db.begin() as session:
        await ledger.credit(session, buyer.person.id, 5, kind="purchase", reference="cs_made_up")

    assert (await run(buyer)).wrong == ["the ledger has cs_made_up, which no order was granted for"]


async def test_a_paid_session_that_does_not_fit_its_order_is_named_each_time(buyer: Buyer, clock: FakeClock) -> None:
    begun = await buyer.pay()
    session = buyer.till.books.find("checkout.session", begun["sessionId"])
    with buyer.till.books.change():
        buyer.till.books.put({**session, "amount_subtotal": 1})
    clock.advance(minutes=2)

    reports = [await run(buyer) for _ in range(2)]

    assert [len(report.wrong) for report in reports] == [1, 1]
    assert await buyer.kinds() == []


async def test_a_session_that_no_order_knows_is_named(buyer: Buyer) -> None:
    begun = await buyer.pay()
    async with buyer.services.db.begin() as session:
        await session.run("DELETE FROM orders")
    await buyer.begin()

    assert (await run(buyer)).wrong == [f"session {begun['sessionId']} is paid, and no order of ours knows it"]


@pytest.mark.parametrize("more_settings", [{"stripe_secret_key": "", "stripe_sandbox": "off"}])
async def test_with_payments_off_the_jobs_do_nothing(buyer: Buyer) -> None:
    await upkeep.reconcile_payments(buyer.services, LookedBack())
    await upkeep.handle_events(buyer.services)
