"""What every call has in common: the key, the ids, the same answer to the same key, and lists by pages."""

from __future__ import annotations

import httpx2
import pytest
import stripe
from starlette.applications import Starlette
from starlette.routing import Mount

from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.till import SANDBOX_KEY, Fault, Till
from tests.stripe_sandbox.sdk import pack, sdk

SIGNED_IN = {"Authorization": f"Bearer {SANDBOX_KEY}"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk_test_other"}, {"Authorization": "Basic YTpi"}])
async def test_without_the_key_nothing_is_answered(browser: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    answer = await browser.get("/v1/customers", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "sk_test_other" not in answer.text


async def test_the_sdk_knows_a_wrong_key_by_its_error(till_url: str) -> None:
    async with sdk(till_url, "sk_test_other") as client:
        with pytest.raises(stripe.AuthenticationError):
            await client.v1.customers.list_async()


async def test_what_is_not_there_is_a_404_that_names_it(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=r"No such checkout\.session: 'cs_none'") as missing:
        await client.v1.checkout.sessions.retrieve_async("cs_none")

    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


async def test_an_unknown_address_is_a_404_in_stripes_words(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/v1/unicorns", headers=SIGNED_IN)

    assert answer.status_code == 404
    assert "Unrecognized request URL (GET: /v1/unicorns)" in answer.json()["error"]["message"]


async def test_every_answer_has_an_id_and_the_version_that_was_asked_for(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({}, {"stripe_version": "2025-03-31.basil"})

    assert customer.last_response is not None
    headers = customer.last_response.headers
    assert headers["Request-Id"].startswith("req_")
    assert headers["Stripe-Version"] == "2025-03-31.basil"


async def test_the_same_key_again_is_the_same_session(client: stripe.StripeClient, till: Till) -> None:
    first = await client.v1.checkout.sessions.create_async(pack(), {"idempotency_key": "ord_1"})
    again = await client.v1.checkout.sessions.create_async(pack(), {"idempotency_key": "ord_1"})

    assert again.id == first.id
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(till.books.every("checkout.session")) == 1


async def test_the_same_key_for_something_else_is_refused(client: stripe.StripeClient) -> None:
    await client.v1.checkout.sessions.create_async(pack(), {"idempotency_key": "ord_1"})

    with pytest.raises(stripe.IdempotencyError):
        await client.v1.checkout.sessions.create_async(pack(client_reference_id="other"), {"idempotency_key": "ord_1"})


async def test_what_was_refused_for_its_parameters_may_be_mended_under_the_same_key(
    client: stripe.StripeClient,
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.checkout.sessions.create_async(pack(mode="gift"), {"idempotency_key": "ord_1"})

    mended = await client.v1.checkout.sessions.create_async(pack(), {"idempotency_key": "ord_1"})

    assert mended.status == "open"


async def test_a_list_is_read_to_its_end_page_by_page(client: stripe.StripeClient) -> None:
    made = [(await client.v1.customers.create_async({"name": str(number)})).id for number in range(5)]

    page = await client.v1.customers.list_async({"limit": 2})
    everybody = [customer.id async for customer in page.auto_paging_iter()]

    assert (len(page.data), page.has_more) == (2, True)
    assert everybody == made[::-1]


async def test_expanding_puts_things_in_the_place_of_their_ids(client: stripe.StripeClient, till: Till) -> None:
    session = await client.v1.checkout.sessions.create_async(pack(customer_creation="always"))
    till.pay(session.id)

    found = await client.v1.checkout.sessions.list_async(
        {"expand": ["data.payment_intent.latest_charge.refunds", "data.customer"]}
    )

    assert isinstance(found.data[0].customer, stripe.Customer)
    assert isinstance(found.data[0].payment_intent, stripe.PaymentIntent)
    charge = found.data[0].payment_intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert charge.refunds is not None
    assert charge.refunds.data == []


async def test_under_a_prefix_every_link_carries_it(till: Till) -> None:
    outer = Starlette(routes=[Mount("/_stripe", sandbox(till))])
    transport = httpx2.ASGITransport(app=outer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as browser:
        encoded = {
            "mode": "payment",
            "success_url": "http://shop.test/",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": "500",
            "line_items[0][price_data][product_data][name]": "Tokens",
        }
        made = await browser.post("/_stripe/v1/checkout/sessions", data=encoded, headers=SIGNED_IN)
        page = await browser.get(made.json()["url"])
        style = await browser.get("/_stripe/style.css")

    assert made.json()["url"].startswith("http://shop.test/_stripe/c/pay/cs_test_")
    assert 'href="/_stripe/style.css"' in page.text
    assert style.headers["content-type"].startswith("text/css")


async def test_behind_a_public_address_links_carry_that(till: Till) -> None:
    transport = httpx2.ASGITransport(app=sandbox(till, base_url="https://shop.example/_stripe/"))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as browser:
        customer = await browser.post("/v1/customers", headers=SIGNED_IN)
        sent = {"customer": customer.json()["id"]}
        made = await browser.post("/v1/billing_portal/sessions", data=sent, headers=SIGNED_IN)

    assert made.json()["url"].startswith("https://shop.example/_stripe/p/session/bps_")


async def test_a_call_can_be_made_to_fail_and_the_sdk_tries_again(till_url: str, till: Till) -> None:
    till.fail_calls(Fault.ERROR, Fault.LOST)

    async with sdk(till_url, max_network_retries=2) as client:
        session = await client.v1.checkout.sessions.create_async(pack())

    assert session.status == "open"
    assert len(till.books.every("checkout.session")) == 1


@pytest.mark.parametrize(("fault", "error"), [(Fault.ERROR, stripe.APIError), (Fault.LIMITED, stripe.RateLimitError)])
async def test_without_another_try_the_failure_is_the_callers(
    client: stripe.StripeClient, till: Till, fault: Fault, error: type[stripe.StripeError]
) -> None:
    till.fail_calls(fault)

    with pytest.raises(error):
        await client.v1.checkout.sessions.create_async(pack())

    assert till.books.every("checkout.session") == []
