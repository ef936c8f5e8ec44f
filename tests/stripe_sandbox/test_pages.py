"""The hosted pages keep to themselves: no foreign script or style, no other site's buttons, nothing left unescaped."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
import stripe

from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.markup import tag
from app.stripe_sandbox.money import each, spoken
from app.stripe_sandbox.till import Pay, Till
from tests.fakes.clock import FakeClock
from tests.live import serve
from tests.stripe_sandbox.sdk import pack, sdk


async def test_a_page_runs_nothing_and_leads_only_where_the_shop_said(
    client: stripe.StripeClient, browser: httpx2.AsyncClient
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack(cancel_url="https://shop.example:8443/back?a=b"))
    assert session.url is not None

    policy = (await browser.get(session.url)).headers["content-security-policy"]

    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["form-action"] == "'self' http://shop.test https://shop.example:8443"
    assert "script-src" not in rules
    assert "unsafe" not in policy


async def test_a_buyer_without_a_customer_gives_an_address(
    client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack(customer_creation="always"))
    assert session.url is not None

    await browser.post(session.url, data={"how": "card", "email": "bea@example.com"})

    found = await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["customer"]})
    assert isinstance(found.customer, stripe.Customer)
    assert found.customer.email == "bea@example.com"


async def test_pressing_twice_pays_once(client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    assert session.url is not None

    answers = [await browser.post(session.url, data={"how": "card"}) for _ in range(2)]

    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert len(till.events("charge.succeeded")) == 1


async def test_a_way_to_pay_that_there_is_not_is_refused(
    client: stripe.StripeClient, browser: httpx2.AsyncClient
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    assert session.url is not None

    answer = await browser.post(session.url, data={"how": "promise"})

    assert answer.status_code == 400
    assert "Choose one of the ways to pay." in answer.text


@pytest.mark.parametrize("path", ["/c/pay/cs_none", "/p/session/bps_none", "/nowhere"])
async def test_what_is_not_there_is_a_page_that_says_so(browser: httpx2.AsyncClient, path: str) -> None:
    answer = await browser.get(path)

    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text


async def test_another_sites_form_does_not_pay(
    client: stripe.StripeClient, browser: httpx2.AsyncClient, till: Till
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    assert session.url is not None

    answer = await browser.post(session.url, data={"how": "card"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert till.events("charge.succeeded") == []


async def test_time_closes_a_session_and_tells_the_shop(
    client: stripe.StripeClient, till: Till, clock: FakeClock
) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())

    clock.advance(hours=24)
    found = await client.v1.checkout.sessions.retrieve_async(session.id)

    assert found.status == "expired"
    assert [event["data"]["object"]["id"] for event in till.events("checkout.session.expired")] == [session.id]


async def test_a_debit_on_a_timer_settles_by_itself(client: stripe.StripeClient, till: Till) -> None:
    session = await client.v1.checkout.sessions.create_async(pack())
    till.debit_seconds = 0

    till.pay(session.id, Pay.DEBIT_SUCCEEDS)
    await till.settled()

    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"


async def test_a_restart_takes_up_a_debit_that_was_on_its_way(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "till.db"
    async with Till(path, clock=clock) as first, serve(sandbox(first)) as url, sdk(url) as client:
        session = await client.v1.checkout.sessions.create_async(pack())
        first.pay(session.id, Pay.DEBIT_SUCCEEDS)

    async with Till(path, clock=clock, debit_seconds=0) as second:
        await second.settled()

        assert second.books.find("checkout.session", session.id)["payment_status"] == "paid"


def test_text_never_becomes_markup() -> None:
    written = tag("p", "<b> & ", tag("a", '"x"', href='"><script>'), hidden=True)

    assert written == '<p hidden>&lt;b&gt; &amp; <a href="&quot;&gt;&lt;script&gt;">&quot;x&quot;</a></p>'


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(999, "usd", "$9.99"), (100_000, "eur", "€1,000.00"), (500, "jpy", "¥500"), (5, "sek", "0.05 SEK")],
)
def test_minor_units_are_read_as_money(amount: int, currency: str, text: str) -> None:
    assert spoken(amount, currency) == text


def test_a_price_says_how_often() -> None:
    assert each({"interval": "month", "interval_count": 1}) == " each month"
    assert each({"interval": "week", "interval_count": 2}) == " every 2 weeks"
    assert each(None) == ""
