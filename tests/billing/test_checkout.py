"""How an order begins, and how it goes on when a price, a click, a line or a clock does not do what one expects."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from app.billing import customers, packages
from app.billing.gateway import Gateway
from app.billing.till import account_of
from app.settings import Settings
from app.stripe_sandbox.till import Pay, Till
from tests.billing.buying import STARTER, WELCOME, Buyer
from tests.billing.posting import deliver
from tests.fakes.clock import FakeClock


async def change(buyer: Buyer, **changes: Any) -> None:
    async with buyer.services.db.begin() as session:
        await packages.change(session, "starter", changes, buyer.services.clock.now())


async def test_the_customer_is_there_before_the_session_and_only_one(buyer: Buyer) -> None:
    for package in ("starter", "regular", "monthly"):
        await buyer.begin(package)

    made = buyer.till.books.every("customer")
    assert [one["metadata"]["user_id"] for one in made] == [buyer.person.id]
    sessions = buyer.till.books.every("checkout.session")
    assert {session["customer"] for session in sessions} == {made[0]["id"]}


async def test_the_order_is_named_wherever_an_event_may_look(buyer: Buyer) -> None:
    begun = await buyer.begin("monthly")

    session = buyer.till.books.find("checkout.session", begun["sessionId"])
    named = {"order_id": begun["orderId"], "user_id": buyer.person.id}
    assert session["metadata"] == session["_subscription_data"]["metadata"] == named
    assert session["client_reference_id"] == begun["orderId"]


async def test_the_browser_says_which_package_and_nothing_of_its_price(buyer: Buyer) -> None:
    for more in ({"priceUsd": 1}, {"tokens": 10**9}, {"currency": "jpy"}, {"quantity": 100}):
        answer = await buyer.post("checkout", json={"packageId": "starter", **more})

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert buyer.till.books.every("checkout.session") == []


@pytest.mark.parametrize("package_id", ["nothing", "STARTER", "starter ", "'; DROP TABLE orders; --"])
async def test_what_is_not_for_sale_cannot_be_bought(buyer: Buyer, package_id: str) -> None:
    answer = await buyer.post("checkout", json={"packageId": package_id})

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_package")


async def test_a_retired_package_is_neither_shown_nor_sold(buyer: Buyer) -> None:
    await change(buyer, retired=True)

    answer = await buyer.post("checkout", json={"packageId": "starter"})

    assert answer.status_code == 404
    assert "starter" not in (await buyer.client.get("/api/billing/packages")).text


async def test_a_price_that_changes_meanwhile_leaves_the_order_as_it_was(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.begin()
    await change(buyer, price_cents=1, tokens=7)

    buyer.till.pay(begun["sessionId"])
    await buyer.till.settled()

    assert await buyer.kinds() == [("purchase", STARTER)]
    assert (await buyer.order())["priceUsd"] == 500


async def test_a_click_after_the_price_has_changed_is_another_page_and_closes_the_first(buyer: Buyer) -> None:
    before = await buyer.begin()
    await change(buyer, price_cents=700)

    after = await buyer.begin()

    assert after["sessionId"] != before["sessionId"]
    assert buyer.till.books.find("checkout.session", before["sessionId"])["status"] == "expired"
    assert buyer.till.books.find("checkout.session", after["sessionId"])["amount_total"] == 700
    assert [order["status"] for order in (await buyer.get("orders"))["orders"]] == ["open", "expired"]


async def test_a_click_after_paying_is_a_new_order_and_the_first_is_granted(buyer: Buyer) -> None:
    first = await buyer.begin()
    buyer.till.pay(first["sessionId"])

    second = await buyer.begin()

    assert second["orderId"] != first["orderId"]
    assert await buyer.kinds() == [("purchase", STARTER)]


async def test_a_click_much_later_is_a_page_with_time_left(buyer: Buyer, clock: FakeClock) -> None:
    first = await buyer.begin()
    clock.advance(minutes=25)

    second = await buyer.begin()

    assert second["orderId"] != first["orderId"]


@pytest.mark.parametrize("how", [Pay.DEBIT_SUCCEEDS, Pay.DEBIT_FAILS])
async def test_a_debit_is_pending_until_it_has_arrived_or_failed(buyer: Buyer, hooked: None, how: Pay) -> None:
    begun = await buyer.pay(how=how)
    assert (await buyer.complete(begun["sessionId"]))["status"] == "pending"

    buyer.till.finish_debit(begun["sessionId"])
    await buyer.till.settled()

    arrived = how is Pay.DEBIT_SUCCEEDS
    assert (await buyer.order())["status"] == ("paid" if arrived else "failed")
    assert await buyer.balance() == WELCOME + STARTER * arrived
    assert (await buyer.complete(begun["sessionId"]))["status"] == ("paid" if arrived else "failed")


async def test_a_session_that_expires_grants_nothing_and_says_so(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.begin()

    buyer.till.expire(begun["sessionId"])
    await buyer.till.settled()

    assert (await buyer.complete(begun["sessionId"]))["status"] == "expired"
    assert await buyer.kinds() == []


async def test_news_of_expiry_that_comes_after_payment_changes_nothing(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    event = buyer.till.events("checkout.session.completed")[0]

    for kind in ("checkout.session.expired", "checkout.session.async_payment_failed"):
        await deliver(buyer.client, {**event, "type": kind, "id": f"evt_{kind}"})

    assert (await buyer.order())["status"] == "paid"
    assert (await buyer.complete(begun["sessionId"]))["tokensGranted"] == STARTER


@pytest.mark.parametrize(
    ("doctored", "status"),
    [
        ({"amount_subtotal": 499}, "failed"), ({"amount_subtotal": 1}, "failed"), ({"currency": "jpy"}, "failed"),
        ({"livemode": True}, "failed"), ({"mode": "subscription"}, "failed"), ({"status": "open"}, "open"),
        ({"payment_status": "unpaid"}, "pending"), ({"payment_status": "no_payment_required"}, "pending"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_session_that_is_not_what_we_asked_for_grants_nothing(
    buyer: Buyer, hooked: None, doctored: dict[str, Any], status: str
) -> None:
    begun = await buyer.begin()
    buyer.till.lose_webhooks()
    buyer.till.pay(begun["sessionId"])
    session = buyer.till.books.find("checkout.session", begun["sessionId"])
    with buyer.till.books.change():
        buyer.till.books.put({**session, **doctored})

    completed = await buyer.complete(begun["sessionId"])
    await deliver(buyer.client, buyer.till.events("checkout.session.completed")[0])

    assert completed["status"] == status
    assert await buyer.kinds() == []


async def test_a_discount_and_a_tax_change_the_total_and_not_what_is_granted(buyer: Buyer) -> None:
    begun = await buyer.begin()
    buyer.till.pay(begun["sessionId"])
    session = buyer.till.books.find("checkout.session", begun["sessionId"])
    with buyer.till.books.change():
        buyer.till.books.put({**session, "amount_total": 450})

    assert (await buyer.complete(begun["sessionId"]))["tokensGranted"] == STARTER


async def test_what_was_offered_for_nothing_once_is_granted_without_a_payment(buyer: Buyer, hooked: None) -> None:
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE packages SET price_cents = 0")

    await buyer.pay()

    assert await buyer.kinds() == [("purchase", STARTER)]
    assert (await buyer.order())["refundable"] is None


async def test_yen_are_whole_and_never_times_a_hundred(buyer: Buyer, hooked: None) -> None:
    await change(buyer, price_cents=1200, currency="jpy")

    begun = await buyer.pay()

    session = buyer.till.books.find("checkout.session", begun["sessionId"])
    assert (session["amount_total"], session["currency"]) == (1200, "jpy")
    assert await buyer.kinds() == [("purchase", STARTER)]


async def test_a_customer_whom_stripe_no_longer_knows_is_made_anew(buyer: Buyer) -> None:
    async with buyer.services.db.begin() as session:
        await session.run(
            customers.KEEP, buyer.person.id, "sandbox", "cus_of_another_account", buyer.services.clock.now()
        )

    failed = await buyer.post("checkout", json={"packageId": "starter"})
    begun = await buyer.begin()

    assert (failed.status_code, failed.json()["code"]) == (502, "payments_failed")
    assert (await buyer.order())["id"] == begun["orderId"]


async def test_the_same_key_again_is_the_same_answer(buyer: Buyer) -> None:
    headers = {"Idempotency-Key": "k1"}

    first = await buyer.post("checkout", json={"packageId": "starter"}, headers=headers)
    again = await buyer.post("checkout", json={"packageId": "starter"}, headers=headers)
    other = await buyer.post("checkout", json={"packageId": "large"}, headers=headers)

    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize("more_settings", [{"stripe_secret_key": "", "stripe_sandbox": "off"}])
async def test_with_payments_off_the_routes_say_so_and_the_rest_goes_on(buyer: Buyer) -> None:
    answers = [await buyer.post("checkout", json={"packageId": "starter"}), await buyer.post("portal")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(503, "payments_off")] * 2
    assert all("Retry-After" in answer.headers for answer in answers)
    assert (await buyer.get("orders"))["orders"] == []
    assert (await buyer.client.post("/api/billing/webhook", content=b"{}")).status_code == 404


async def test_orders_are_paged_newest_first(buyer: Buyer, clock: FakeClock) -> None:
    for package in ("starter", "regular", "large"):
        await buyer.begin(package)
        clock.advance(seconds=1)

    first = await buyer.get("orders?limit=2")
    rest = await buyer.get(f"orders?limit=2&cursor={first['nextCursor']}")

    assert [order["packageId"] for order in first["orders"] + rest["orders"]] == ["large", "regular", "starter"]
    assert rest["nextCursor"] is None


async def test_the_gateway_is_closed_with_the_service(settings: Settings, till: Till) -> None:
    gateway = Gateway(account_of(settings))
    made = await gateway.create_customer("eve@example.com", "usr_1", key="k")

    await gateway.close()
    await gateway.close()

    assert made.startswith("cus_")


async def test_two_hundred_at_once_are_one_grant(buyer: Buyer, hooked: None, live_url: str) -> None:
    """Webhooks, their copies under other ids and the way back, over sockets."""
    begun = await buyer.begin()
    buyer.till.pay(begun["sessionId"])
    event = buyer.till.events("checkout.session.completed")[0]
    path = f"/api/billing/checkout/{begun['sessionId']}/complete"

    async with httpx2.AsyncClient(base_url=live_url, headers=buyer.person.headers, timeout=60, trust_env=False) as far:
        answers = await asyncio.gather(
            *(deliver(far, {**event, "id": f"evt_{number % 70}"}) for number in range(140)),
            *(far.post(path) for _ in range(60)),
        )
    await buyer.till.settled()

    assert {answer.status_code for answer in answers} == {200}
    assert await buyer.kinds() == [("purchase", STARTER)]
    assert await buyer.balance() == WELCOME + STARTER
