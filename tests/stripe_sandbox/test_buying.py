"""One buys: an order, a page, a payment, and the shop is told."""

from __future__ import annotations

import httpx2
import pytest
import stripe

from app.stripe_sandbox.till import Till
from tests.stripe_sandbox.inbox import Inbox
from tests.stripe_sandbox.sdk import CANCEL, pack


async def test_a_session_is_open_unpaid_and_has_a_page(client: stripe.StripeClient, till_url: str) -> None:
    customer = await client.v1.customers.create_async({"email": "ann@example.com"})

    session = await client.v1.checkout.sessions.create_async(pack(customer=customer.id))

    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.amount_subtotal, session.currency) == (999, 999, "usd")
    assert session.url == f"{till_url}/c/pay/{session.id}"
    assert session.customer_details is not None
    assert session.customer_details.email == "ann@example.com"
    assert session.metadata is not None
    assert session.metadata["order_id"] == "ord_1"


async def test_paying_completes_the_session_tells_the_shop_and_leads_back(
    client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till, inbox: Inbox
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    assert session.url is not None

    paid = await browser.post(session.url, data={"how": "card"})
    await till.settled()

    assert paid.status_code == 303
    assert paid.headers["location"] == f"http://shop.test/billing?session_id={session.id}"
    found = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["line_items", "payment_intent.latest_charge"]}
    )
    assert (found.status, found.payment_status, found.url) == ("complete", "paid", None)
    assert isinstance(found.payment_intent, stripe.PaymentIntent)
    assert isinstance(found.payment_intent.latest_charge, stripe.Charge)
    assert found.payment_intent.latest_charge.amount_captured == 999
    assert found.line_items is not None
    assert found.line_items.data[0].description == "100,000 tokens"
    assert inbox.types == [
        "payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed",
    ]  # fmt: skip
    completed = inbox.events[-1].data.object
    assert (completed["id"], completed["payment_status"]) == (session.id, "paid")


async def test_a_declined_card_is_told_and_one_may_try_again(
    client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till, inbox: Inbox
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    assert session.url is not None

    declined = await browser.post(session.url, data={"how": "declined"})
    page = await browser.get(str(httpx2.URL(session.url).join(declined.headers["location"])))
    again = await browser.post(page.url, data={"how": "card"})
    await till.settled()

    assert "Your card was declined." in page.text
    assert again.headers["location"].endswith(session.id)
    assert inbox.types == [
        "payment_intent.created", "charge.failed", "payment_intent.payment_failed",
        "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed",
    ]  # fmt: skip
    assert len({event.data.object["id"] for event in inbox.events if event.type.startswith("payment_intent")}) == 1


@pytest.mark.parametrize(
    ("how", "told", "payment_status"),
    [("debit_succeeds", "async_payment_succeeded", "paid"), ("debit_fails", "async_payment_failed", "unpaid")],
)
async def test_a_bank_debit_completes_at_once_and_is_settled_later(
    client: stripe.StripeClient,
    browser: httpx2.AsyncClient,
    till: Till,
    inbox: Inbox,
    how: str,
    told: str,
    payment_status: str,
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    assert session.url is not None

    await browser.post(session.url, data={"how": how})
    at_first = await client.v1.checkout.sessions.retrieve_async(session.id)
    till.finish_debit(session.id)
    await till.settled()

    assert (at_first.status, at_first.payment_status) == ("complete", "unpaid")
    found = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert found.payment_status == payment_status
    sessions = [event.type for event in inbox.events if event.type.startswith("checkout")]
    assert sessions == ["checkout.session.completed", f"checkout.session.{told}"]


async def test_the_page_says_that_no_money_is_real_and_what_is_bought(
    client: stripe.StripeClient, browser: httpx2.AsyncClient
) -> None:
    data = {"currency": "usd", "unit_amount": 999, "product_data": {"name": "<b>Bold</b> & co"}}
    session = await client.v1.checkout.sessions.create_async(pack(line_items=[{"price_data": data, "quantity": 2}]))
    assert session.url is not None

    page = await browser.get(session.url)

    assert "Sandbox: no real money" in page.text
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; co x 2" in page.text
    assert "$19.98" in page.text
    assert f'href="{CANCEL}"' in page.text
    assert "<script" not in page.text


async def test_a_session_that_is_over_says_so_and_cannot_be_paid(
    client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    assert session.url is not None
    await client.v1.checkout.sessions.expire_async(session.id)

    page = await browser.get(session.url)
    paid = await browser.post(session.url, data={"how": "card"})

    assert "This checkout has expired" in page.text
    assert paid.headers["location"] == "?"
    assert till.events("checkout.session.completed") == []
