"""The API version that the SDK pins: what it has no more is neither sent nor needed, and other versions do no harm."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
import stripe

from app.billing.terms import Terms, in_stripes_words
from app.stripe_sandbox.till import SANDBOX_KEY, Till
from tests.billing.buying import MONTHLY, STARTER, Buyer
from tests.billing.line import Line
from tests.billing.posting import about, deliver
from tests.fakes.clock import FakeClock
from tests.observability.lines import logged
from tests.waiting import WAIT_SECONDS_MAX

pytestmark = pytest.mark.usefixtures("line")

# What each had before, and where it is now.
RENAMED = {
    "invoice": {"subscription", "subscription_details", "payment_intent", "charge", "paid"},
    "subscription": {"current_period_end", "current_period_start"},
    "charge": {"invoice"},
    "payment_intent": {"invoice", "charges"},
}


async def test_a_month_is_granted_from_an_invoice_that_has_none_of_the_old_field_names(
    buyer: Buyer, hooked: None
) -> None:
    begun = await buyer.pay("monthly")

    assert await buyer.kinds() == [("subscription", MONTHLY)]
    assert (await buyer.get("orders"))["plan"]["periodEndsAt"]
    for kind, gone in RENAMED.items():
        [thing] = buyer.till.books.every(kind)
        assert not gone & thing.keys(), kind
    invoice = buyer.till.books.every("invoice")[0]
    assert invoice["parent"]["subscription_details"]["subscription"] == buyer.subscription(begun["sessionId"])


async def test_old_field_names_on_an_invoice_are_not_believed(buyer: Buyer) -> None:
    begun = await buyer.pay("monthly")
    books = buyer.till.books
    invoice = books.find("invoice", books.find("checkout.session", begun["sessionId"])["invoice"])
    of_old = {
        "parent": None,
        "subscription": buyer.subscription(begun["sessionId"]),
        "subscription_details": {"metadata": {"order_id": begun["orderId"]}},
    }
    with books.change():
        books.put({**invoice, **of_old})

    answer = await deliver(buyer.client, about("invoice.paid", {"id": invoice["id"]}))

    assert answer.status_code == 200
    assert await buyer.kinds() == []


@pytest.mark.parametrize("kind", ["once", "month"])
@pytest.mark.parametrize("refused", [{"payment_method_types": ["card"]}, {"ui_mode": "hosted"}], ids=str)
async def test_what_a_session_may_no_longer_say_is_not_said_and_would_be_refused(
    till: Till, till_url: str, clock: FakeClock, kind: str, refused: dict[str, Any]
) -> None:
    transport: Any = stripe.AIOHTTPClient()
    gateway = stripe.StripeClient(SANDBOX_KEY, base_addresses={"api": till_url}, http_client=transport)
    customer = await gateway.v1.customers.create_async({"email": "eve@example.com"})
    ours: Any = in_stripes_words(terms(kind, customer.id, clock))
    sent: Any = {**ours, **refused}

    with pytest.raises(stripe.InvalidRequestError) as said:
        await gateway.v1.checkout.sessions.create_async(sent)
    opened = await gateway.v1.checkout.sessions.create_async(ours)

    assert said.value.param == next(iter(refused))
    assert opened.status == "open"
    await transport.close_async()


def terms(kind: str, customer_id: str, clock: FakeClock) -> Terms:
    return Terms(
        key="ord_1",
        kind=kind,
        name="Starter",
        description="Tokens",
        price_cents=500,
        currency="usd",
        stripe_price_id=None,
        customer_id=customer_id,
        user_id="usr_1",
        success_url="http://app/billing",
        cancel_url="http://app/billing",
        expires_at=clock.now() + timedelta(hours=1),
    )


async def test_an_endpoint_of_another_version_is_noted_and_said_once_and_its_objects_are_read_in_ours(
    buyer: Buyer, line: Line
) -> None:
    begun = await buyer.pay()
    of_old = {"id": begun["sessionId"], "payment_status": "unpaid", "amount_total": 1, "status": "open"}

    with logged(buyer.services.settings.model_copy(update={"environment": "production"})) as lines:
        for number in range(3):
            event = about("checkout.session.completed", of_old, id=f"evt_{number}", api_version="2024-06-20")
            assert (await deliver(buyer.client, event)).status_code == 200

    assert await buyer.kinds() == [("purchase", STARTER)]
    async with buyer.services.db.read() as session:
        kept = await session.rows("SELECT DISTINCT api_version FROM stripe_events")
    assert [row["api_version"] for row in kept] == ["2024-06-20"]
    assert [(said["theirs"], said["ours"]) for said in lines.all() if said["event"] == "event_of_other_version"] == [
        ("2024-06-20", stripe.api_version)
    ]
    assert line.versions == {stripe.api_version}


async def test_a_newer_release_of_the_same_version_is_nothing_to_speak_of(buyer: Buyer) -> None:
    name = stripe.api_version.partition(".")[2]

    with logged(buyer.services.settings.model_copy(update={"environment": "production"})) as lines:
        await deliver(buyer.client, about("payout.paid", {"id": "po_1"}, api_version=f"2099-01-01.{name}"))

    assert "event_of_other_version" not in lines.text()


def test_no_log_level_of_the_environment_makes_the_sdk_write_what_it_sends() -> None:
    words = "import stripe, app.billing.gateway; stripe._util.log_debug('sent', body='ann@example.com')"

    said = subprocess.run(
        [sys.executable, "-c", words],
        env={**os.environ, "STRIPE_LOG": "debug"},
        capture_output=True,
        text=True,
        check=True,
        timeout=WAIT_SECONDS_MAX,
    )

    assert (said.stdout, said.stderr) == ("", "")
