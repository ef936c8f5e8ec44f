"""The developer page does what a buyer cannot, and is for the machine itself."""

from __future__ import annotations

import httpx2
import pytest
import stripe

from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.till import Pay, Till
from tests.stripe_sandbox.inbox import Inbox
from tests.stripe_sandbox.sdk import pack, plan


async def press(browser: httpx2.AsyncClient, deed: str, thing: str = "", **more: str) -> str:
    """What the page says afterwards."""
    pressed = await browser.post("/dev", data={"do": deed, "id": thing, **more})
    assert pressed.status_code == 303, pressed.text
    return (await browser.get(f"/dev{pressed.headers['location']}")).text


async def test_it_shows_what_happened_and_what_was_answered(
    client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till, inbox: Inbox
) -> None:
    inbox.answers = [500]
    await client.v1.customers.create_async({})
    await till.settled()

    page = (await browser.get("/dev")).text

    assert "customer.created" in page
    assert "/hook: 500 noted" in page
    assert "/hook: 200 noted" in page
    assert "<script" not in page


async def test_a_payment_is_made_refunded_in_part_and_disputed(
    client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())

    await press(browser, "pay", session.id)
    intent = till.books.every("payment_intent")[0]["id"]
    refunded = await press(browser, "refund", intent, amount="400")
    await press(browser, "dispute", intent)
    lost = await press(browser, "lost", till.books.every("dispute")[0]["id"])
    returned = await press(browser, "refund_fails", till.books.every("refund")[0]["id"])

    assert "$4.00 refunded" in refunded
    assert "$9.99 · lost" in lost
    assert "$4.00 · failed" in returned


async def test_a_debit_a_plan_and_a_session_go_the_way_that_is_pressed(
    client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till
) -> None:
    debit, monthly, left = [await client.v1.checkout.sessions.create_async(each) for each in (pack(), plan(), pack())]
    till.pay(debit.id, Pay.DEBIT_FAILS)
    subscription = till.pay(monthly.id)["subscription"]

    await press(browser, "debit_succeeds", debit.id)
    await press(browser, "expire", left.id)
    overdue = await press(browser, "renewal_fails", subscription)
    await press(browser, "renew", subscription)
    ended = await press(browser, "end", subscription)

    assert "past_due" in overdue
    assert "canceled" in ended
    assert till.books.find("checkout.session", debit.id)["payment_status"] == "paid"
    assert till.books.find("checkout.session", left.id)["status"] == "expired"
    assert len(till.events("invoice.paid")) == 2


@pytest.mark.parametrize(
    ("tricks", "arrived"),
    [(["drop"], 0), (["duplicate"], 2), (["lose"], 0), (["lose", "listen"], 1), (["drop", "resend"], 1)],
)
async def test_the_network_fails_as_it_is_told_to(
    client: stripe.StripeClient,
    browser: httpx2.AsyncClient,
    till: Till,
    inbox: Inbox,
    tricks: list[str],
    arrived: int,
) -> None:
    for trick in tricks:
        if trick != "resend":
            await press(browser, trick)
    await client.v1.customers.create_async({})
    if "resend" in tricks:
        await press(browser, "resend", till.events()[0]["id"])
    await till.settled()

    assert len(inbox.events) == arrived


async def test_what_cannot_be_done_is_said(client: stripe.StripeClient, browser: httpx2.AsyncClient) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    await press(browser, "expire", session.id)

    again = await press(browser, "expire", session.id)
    nonsense = await press(browser, "refund", "pi_none", amount="a lot")
    unknown = await browser.post("/dev", data={"do": "rob"})

    assert "Only Checkout Sessions with a status in" in again
    assert "Give an amount in cents" in nonsense
    assert unknown.status_code == 400


async def test_another_site_cannot_press_a_button(browser: httpx2.AsyncClient, till: Till) -> None:
    pressed = await browser.post("/dev", data={"do": "lose"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert pressed.status_code == 403
    assert till.losing is False


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_machine_finds_nothing_there(till: Till, method: str) -> None:
    transport = httpx2.ASGITransport(app=sandbox(till), client=("192.0.2.7", 1234))
    async with httpx2.AsyncClient(transport=transport, base_url="http://till.test") as elsewhere:
        answer = await elsewhere.request(method, "/dev")

    assert answer.status_code == 404
