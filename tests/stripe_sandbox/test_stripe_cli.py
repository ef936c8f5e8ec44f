"""Stripe's own command line presses the till's buttons."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
import stripe

from app.stripe_sandbox.till import SANDBOX_KEY, Till
from tests.stripe_sandbox.cli import EVENTS, needs_cli, trigger
from tests.stripe_sandbox.inbox import Inbox
from tests.stripe_sandbox.sdk import pack

SIGNED_IN = {"Authorization": f"Bearer {SANDBOX_KEY}"}
# It names a flow and not an event.
TOLD = {"subscription.payment_succeeded": "invoice.payment_succeeded"}


@needs_cli
@pytest.mark.either_engine
@pytest.mark.parametrize("event", EVENTS)
async def test_the_cli_triggers_it_and_the_shop_is_told(
    till: Till, till_url: str, inbox: Inbox, tmp_path: Path, event: str
) -> None:
    code, said = await trigger(event, SANDBOX_KEY, till_url, tmp_path)
    await till.settled()

    assert code == 0, said
    assert TOLD.get(event, event) in inbox.types
    assert {delivery["status"] for delivery in till.deliveries()} == {200}


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ({"type": "card", "card[token]": "tok_visa"}, ["checkout.session.completed"]),
        (
            {"type": "sepa_debit", "sepa_debit[iban]": "AT611904300234573201"},
            ["checkout.session.completed", "checkout.session.async_payment_succeeded"],
        ),
        (
            {"type": "sepa_debit", "sepa_debit[iban]": "IT60X0542811101000000123456"},
            ["checkout.session.completed", "checkout.session.async_payment_failed"],
        ),
    ],
    ids=["card", "debit", "failing-debit"],
)
async def test_the_page_can_be_confirmed_as_the_cli_does_it(
    client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till, method: dict[str, str], told: list[str]
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    made = await browser.post("/v1/payment_methods", data=method, headers=SIGNED_IN)
    found = await browser.get(f"/v1/payment_pages/{session.id}", headers=SIGNED_IN)
    sent = {"payment_method": made.json()["id"], "expected_amount": "999"}

    confirmed = await browser.post(f"/v1/payment_pages/{session.id}/confirm", data=sent, headers=SIGNED_IN)

    assert found.json()["id"] == confirmed.json()["id"] == session.id
    assert [event["type"] for event in till.events() if event["type"].startswith("checkout")] == told


async def test_another_amount_than_expected_is_not_paid(
    client: stripe.StripeClient, browser: httpx2.AsyncClient
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    sent = {"payment_method": "pm_card_visa", "expected_amount": "1"}

    refused = await browser.post(f"/v1/payment_pages/{session.id}/confirm", data=sent, headers=SIGNED_IN)

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "checkout_amount_mismatch")
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).status == "open"


async def test_a_test_card_that_is_declined_is_a_card_error(client: stripe.StripeClient, till: Till) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await client.v1.payment_intents.create_async(
            {"amount": 500, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True},
            {"idempotency_key": "try-1"},
        )
    with pytest.raises(stripe.CardError):
        await client.v1.payment_intents.create_async(
            {"amount": 500, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True},
            {"idempotency_key": "try-1"},
        )

    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert len(till.events("payment_intent.payment_failed")) == 1


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ("pm_card_createDispute", ["charge.dispute.created", "charge.dispute.funds_withdrawn"]),
        ("pm_card_createDisputeInquiry", ["charge.dispute.created"]),
        ("pm_card_visa", []),
    ],
)
async def test_a_test_card_may_be_disputed_at_once(
    client: stripe.StripeClient, till: Till, card: str, told: list[str]
) -> None:
    paid = await client.v1.payment_intents.create_async(
        {"amount": 500, "currency": "usd", "payment_method": card, "confirm": True}
    )

    assert paid.status == "succeeded"
    assert [event["type"] for event in till.events() if "dispute" in event["type"]] == told


async def test_a_plan_can_begin_without_a_checkout(client: stripe.StripeClient, till: Till) -> None:
    customer = await client.v1.customers.create_async({"payment_method": "pm_card_visa"})
    product = await client.v1.products.create_async({"name": "Premium"})
    price = await client.v1.prices.create_async(
        {"currency": "usd", "unit_amount": 1500, "product": product.id, "recurring": {"interval": "month"}}
    )

    begun = await client.v1.subscriptions.create_async({"customer": customer.id, "items": [{"price": price.id}]})

    assert begun.status == "active"
    assert len(till.events("invoice.paid")) == 1
