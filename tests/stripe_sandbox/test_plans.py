"""A plan begins, goes on, is not paid, is asked to end, and ends."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import pytest
import stripe

from app.stripe_sandbox.till import Pay, Refusal, Till
from tests.fakes.clock import FakeClock
from tests.stripe_sandbox.inbox import Inbox
from tests.stripe_sandbox.sdk import plan


async def subscribe(client: stripe.StripeClient, till: Till, how: Pay = Pay.CARD) -> stripe.checkout.Session:
    wishes = plan(subscription_data={"metadata": {"user_id": "usr_1"}}, customer_email="ann@example.com")
    session = await client.v1.checkout.sessions.create_async(wishes)
    till.pay(session.id, how)
    await till.settled()
    found = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["subscription.latest_invoice.payments", "invoice"]}
    )
    assert isinstance(found.subscription, stripe.Subscription)
    return found


async def plan_of(client: stripe.StripeClient, till: Till, how: Pay = Pay.CARD) -> stripe.Subscription:
    found = (await subscribe(client, till, how)).subscription
    assert isinstance(found, stripe.Subscription)
    return found


def until(found: stripe.Subscription) -> int:
    return found["items"].data[0].current_period_end  # type: ignore[no-any-return]


async def test_a_plan_begins_with_a_customer_an_invoice_and_a_period(
    client: stripe.StripeClient, till: Till, inbox: Inbox
) -> None:
    session = await subscribe(client, till)

    found, invoice = session.subscription, session.invoice
    assert isinstance(found, stripe.Subscription)
    assert isinstance(invoice, stripe.Invoice)
    assert (session.payment_status, session.payment_intent) == ("paid", None)
    assert found.status == "active"
    assert found.customer == session.customer
    assert until(found) > found["items"].data[0].current_period_start
    assert (invoice.billing_reason, invoice.status, invoice.amount_paid) == ("subscription_create", "paid", 1999)
    assert invoice.parent is not None
    details = invoice.parent.subscription_details
    assert details is not None
    assert details.subscription == found.id
    assert details.metadata is not None
    assert details.metadata["user_id"] == "usr_1"
    assert "customer.subscription.created" in inbox.types
    assert inbox.types.index("checkout.session.completed") < inbox.types.index("invoice.paid")


async def test_the_invoice_of_a_payment_can_be_found(client: stripe.StripeClient, till: Till) -> None:
    session = await subscribe(client, till)
    assert isinstance(session.subscription, stripe.Subscription)
    latest = session.subscription.latest_invoice
    assert isinstance(latest, stripe.Invoice)
    assert latest.payments is not None
    intent = latest.payments.data[0].payment.payment_intent
    assert isinstance(intent, str)

    found = await client.v1.invoice_payments.list_async(
        {"payment": {"type": "payment_intent", "payment_intent": intent}}
    )

    assert [payment.invoice for payment in found.data] == [latest.id]


async def test_the_next_period_brings_the_next_invoice(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    begun = await plan_of(client, till)

    till.renew(begun.id)
    await till.settled()

    renewed = await client.v1.subscriptions.retrieve_async(begun.id, {"expand": ["latest_invoice"]})
    assert renewed["items"].data[0].current_period_start == until(begun)
    assert until(renewed) > until(begun)
    assert isinstance(renewed.latest_invoice, stripe.Invoice)
    assert (renewed.latest_invoice.billing_reason, renewed.latest_invoice.status) == ("subscription_cycle", "paid")
    updated = [event for event in inbox.events if event.type == "customer.subscription.updated"]
    assert updated[-1].data.previous_attributes is not None
    assert "latest_invoice" in updated[-1].data.previous_attributes


async def test_a_renewal_that_fails_is_past_due(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    begun = await plan_of(client, till)

    till.renew(begun.id, paid=False)
    await till.settled()

    assert (await client.v1.subscriptions.retrieve_async(begun.id)).status == "past_due"
    assert inbox.types[-1] == "invoice.payment_failed"


async def test_a_plan_asked_to_end_lasts_for_its_period_and_then_is_gone(
    client: stripe.StripeClient, till: Till, inbox: Inbox
) -> None:
    begun = await plan_of(client, till)

    asked = await client.v1.subscriptions.update_async(begun.id, {"cancel_at_period_end": True})
    till.renew(begun.id)
    await till.settled()

    assert (asked.status, asked.cancel_at) == ("active", until(begun))
    ended = await client.v1.subscriptions.retrieve_async(begun.id)
    assert ended.status == "canceled"
    assert ended.ended_at is not None
    assert inbox.types[-1] == "customer.subscription.deleted"
    with pytest.raises(Refusal, match="ended"):
        till.renew(begun.id)


async def test_a_plan_may_go_on_after_all(client: stripe.StripeClient, till: Till) -> None:
    begun = await plan_of(client, till)

    till.cancel_plan(begun.id)
    till.resume_plan(begun.id)
    till.renew(begun.id)

    assert (await client.v1.subscriptions.retrieve_async(begun.id)).status == "active"


async def test_cancelled_at_once_it_ends_at_once_and_stays_ended(
    client: stripe.StripeClient, till: Till, inbox: Inbox
) -> None:
    begun = await plan_of(client, till)

    ended = await client.v1.subscriptions.cancel_async(begun.id)
    await till.settled()

    assert ended.status == "canceled"
    assert inbox.types[-1] == "customer.subscription.deleted"
    assert (await client.v1.subscriptions.list_async()).data == []
    everything = await client.v1.subscriptions.list_async({"status": "all"})
    assert [each.id for each in everything.data] == [begun.id]
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.subscriptions.cancel_async(begun.id)


async def test_a_plan_by_bank_debit_is_paid_when_the_debit_is(
    client: stripe.StripeClient, till: Till, inbox: Inbox
) -> None:
    session = await subscribe(client, till, Pay.DEBIT_SUCCEEDS)
    told_first = inbox.types[:]

    till.finish_debit(session.id)
    await till.settled()

    assert session.payment_status == "unpaid"
    assert "invoice.paid" not in told_first
    assert "invoice.paid" in inbox.types
    assert "checkout.session.async_payment_succeeded" in inbox.types


async def test_a_plan_whose_first_debit_comes_back_is_past_due(client: stripe.StripeClient, till: Till) -> None:
    session = await subscribe(client, till, Pay.DEBIT_FAILS)
    assert isinstance(session.subscription, stripe.Subscription)

    till.finish_debit(session.id)

    assert (await client.v1.subscriptions.retrieve_async(session.subscription.id)).status == "past_due"


async def test_a_month_that_has_no_31st_ends_on_its_last_day(client: stripe.StripeClient, till: Till) -> None:
    clock = till.books.clock
    assert isinstance(clock, FakeClock)
    clock.advance(seconds=(datetime(2031, 1, 31, 12, tzinfo=UTC) - clock.now()).total_seconds())

    begun = await plan_of(client, till)

    assert datetime.fromtimestamp(until(begun), UTC).date().isoformat() == "2031-02-28"


async def test_the_portal_ends_a_plan_resumes_it_and_leads_back(
    client: stripe.StripeClient, till: Till, browser: httpx2.AsyncClient
) -> None:
    begun = await plan_of(client, till)
    assert isinstance(begun.customer, str)
    portal = await client.v1.billing_portal.sessions.create_async(
        {"customer": begun.customer, "return_url": "http://shop.test/billing"}
    )

    page = await browser.get(portal.url)
    cancelled = await browser.post(portal.url, data={"plan": begun.id, "do": "cancel"})
    ending = await browser.get(portal.url)
    asked = (await client.v1.subscriptions.retrieve_async(begun.id)).cancel_at_period_end
    await browser.post(portal.url, data={"plan": begun.id, "do": "resume"})

    assert "$19.99 each month" in page.text
    assert 'href="http://shop.test/billing"' in page.text
    assert cancelled.status_code == 303
    assert asked is True
    assert "Keep my plan" in ending.text
    assert (await client.v1.subscriptions.retrieve_async(begun.id)).cancel_at_period_end is False


async def test_the_portal_is_for_ones_own_plan_and_for_an_hour(
    client: stripe.StripeClient, till: Till, browser: httpx2.AsyncClient, clock: FakeClock
) -> None:
    theirs = await plan_of(client, till)
    customer = await client.v1.customers.create_async({})
    portal = await client.v1.billing_portal.sessions.create_async({"customer": customer.id})

    tried = await browser.post(portal.url, data={"plan": theirs.id, "do": "cancel"})
    nonsense = await browser.post(portal.url, content=b"\xff=" + b"&" * 50)
    clock.advance(hours=2)
    late = await browser.get(portal.url)

    assert (tried.status_code, nonsense.status_code) == (404, 400)
    assert (await client.v1.subscriptions.retrieve_async(theirs.id)).cancel_at_period_end is False
    assert late.status_code == 410
