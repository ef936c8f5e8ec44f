"""Refunds and disputes: in part, in whole, and back again."""

from __future__ import annotations

import pytest
import stripe

from app.stripe_sandbox.till import Pay, Till
from tests.stripe_sandbox.inbox import Inbox
from tests.stripe_sandbox.sdk import pack


async def paid(client: stripe.StripeClient, till: Till, how: Pay = Pay.CARD) -> str:
    session = await client.v1.checkout.sessions.create_async(pack())
    return str(till.pay(session.id, how)["payment_intent"])


async def charge_of(client: stripe.StripeClient, intent: str) -> stripe.Charge:
    found = await client.v1.payment_intents.retrieve_async(intent, {"expand": ["latest_charge"]})
    assert isinstance(found.latest_charge, stripe.Charge)
    return found.latest_charge


async def test_refunds_add_up_until_all_is_given_back(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    intent = await paid(client, till)

    first = await client.v1.refunds.create_async({"payment_intent": intent, "amount": 400, "metadata": {"a": "b"}})
    partly = await charge_of(client, intent)
    second = await client.v1.refunds.create_async({"payment_intent": intent})
    wholly = await charge_of(client, intent)
    await till.settled()

    assert (first.amount, first.status, first.payment_intent) == (400, "succeeded", intent)
    assert (partly.amount_refunded, partly.refunded) == (400, False)
    assert second.amount == 599
    assert (wholly.amount_refunded, wholly.refunded) == (999, True)
    assert inbox.types[-4:] == ["refund.created", "charge.refunded"] * 2
    listed = await client.v1.refunds.list_async({"payment_intent": intent})
    assert [refund.id for refund in listed.data] == [second.id, first.id]


async def test_nothing_is_refunded_twice_or_beyond_what_was_paid(client: stripe.StripeClient, till: Till) -> None:
    intent = await paid(client, till)

    with pytest.raises(stripe.InvalidRequestError, match="greater than"):
        await client.v1.refunds.create_async({"payment_intent": intent, "amount": 1000})
    await client.v1.refunds.create_async({"payment_intent": intent})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.refunds.create_async({"payment_intent": intent})

    assert refused.value.code == "charge_already_refunded"
    assert (await charge_of(client, intent)).amount_refunded == 999


async def test_what_is_not_paid_yet_cannot_be_refunded(client: stripe.StripeClient, till: Till) -> None:
    intent = await paid(client, till, Pay.DEBIT_SUCCEEDS)

    with pytest.raises(stripe.InvalidRequestError, match="cannot be refunded"):
        await client.v1.refunds.create_async({"payment_intent": intent})


async def test_a_refund_that_fails_counts_as_paid_again(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    intent = await paid(client, till)
    refund = till.refund(intent)

    till.fail_refund(refund["id"])
    await till.settled()

    assert (await client.v1.refunds.retrieve_async(refund["id"])).status == "failed"
    charge = await charge_of(client, intent)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert inbox.types[-2:] == ["refund.updated", "refund.failed"]


@pytest.mark.parametrize(
    ("won", "status", "told"),
    [
        (True, "won", ["charge.dispute.funds_reinstated", "charge.dispute.closed"]),
        (False, "lost", ["charge.dispute.updated", "charge.dispute.closed"]),
    ],
)
async def test_a_dispute_takes_the_money_and_its_end_says_whose_it_is(
    client: stripe.StripeClient, till: Till, inbox: Inbox, won: bool, status: str, told: list[str]
) -> None:
    intent = await paid(client, till)

    dispute = till.dispute(intent)
    await till.settled()
    begun = inbox.types[-2:]
    till.close_dispute(dispute["id"], won=won)
    await till.settled()

    assert begun == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert inbox.types[-2:] == told
    found = await client.v1.disputes.retrieve_async(dispute["id"])
    assert (found.status, found.payment_intent, found.amount) == (status, intent, 999)
    assert (await charge_of(client, intent)).disputed


async def test_an_inquiry_takes_nothing(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    dispute = till.dispute(await paid(client, till), inquiry=True)
    till.close_dispute(dispute["id"], won=True)
    await till.settled()

    disputes = [name for name in inbox.types if "dispute" in name]
    assert disputes == ["charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"]
    assert (await client.v1.disputes.retrieve_async(dispute["id"])).status == "warning_closed"
