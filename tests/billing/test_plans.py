"""A plan: tokens each month from its invoices alone, a role while it stands, and one at a time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from app.accounts import accounts
from app.billing import customers
from tests.billing.buying import MONTHLY, WELCOME, Buyer
from tests.billing.posting import about, deliver
from tests.fakes.provider import ScriptedProvider

BEGINNING = (
    "checkout.session.completed",
    "invoice.paid",
    "customer.subscription.created",
    "customer.subscription.updated",
)


async def plan(buyer: Buyer) -> dict[str, Any]:
    found: dict[str, Any] = (await buyer.get("orders"))["plan"]
    return found


async def test_the_first_month_is_granted_once_though_session_and_invoice_both_tell(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay("monthly")

    completed = await buyer.complete(begun["sessionId"])

    assert completed == {"status": "paid", "tokensGranted": MONTHLY, "debtPaid": 0, "balance": WELCOME + MONTHLY}
    assert await buyer.kinds() == [("subscription", MONTHLY)]
    assert await buyer.role() == "subscriber"
    assert (await plan(buyer))["status"] == "active"


async def test_the_return_page_alone_begins_a_plan(buyer: Buyer) -> None:
    begun = await buyer.pay("monthly")

    await asyncio.gather(*(buyer.complete(begun["sessionId"]) for _ in range(5)))

    assert await buyer.kinds() == [("subscription", MONTHLY)]
    assert await buyer.role() == "subscriber"


@pytest.mark.parametrize("order", list(permutations(BEGINNING)), ids="-".join)
async def test_events_of_a_new_plan_end_in_the_same_books_in_any_order(buyer: Buyer, order: tuple[str, ...]) -> None:
    begun = await buyer.pay("monthly")
    subscription = buyer.subscription(begun["sessionId"])
    buyer.till.cancel_plan(subscription)
    buyer.till.resume_plan(subscription)
    events = {event["type"]: event for event in buyer.till.events(*BEGINNING)}

    for kind in order:
        assert (await deliver(buyer.client, events[kind])).status_code == 200

    assert await buyer.kinds() == [("subscription", MONTHLY)]
    assert (await buyer.order())["status"] == "paid"
    assert (await plan(buyer))["status"] == "active"
    assert await buyer.role() == "subscriber"


async def test_each_month_that_is_paid_brings_its_tokens(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay("monthly")

    for _ in range(2):
        buyer.till.renew(buyer.subscription(begun["sessionId"]))
    await buyer.till.settled()

    assert await buyer.kinds() == [("subscription", MONTHLY)] * 3


async def test_a_month_that_is_not_paid_brings_none_and_leaves_time_to_pay(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay("monthly")

    buyer.till.renew(buyer.subscription(begun["sessionId"]), paid=False)
    await buyer.till.settled()

    assert await buyer.kinds() == [("subscription", MONTHLY)]
    assert (await plan(buyer))["status"] == "past_due"
    assert await buyer.role() == "subscriber"


async def test_a_cancelled_plan_stays_until_its_period_ends_and_ends_then(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay("monthly")
    subscription = buyer.subscription(begun["sessionId"])

    buyer.till.cancel_plan(subscription)
    await buyer.till.settled()

    standing = await plan(buyer)
    assert standing["cancelsAt"] == standing["periodEndsAt"]
    assert datetime.fromisoformat(standing["cancelsAt"]) > datetime.now(UTC)
    assert await buyer.role() == "subscriber"
    buyer.till.renew(subscription)
    await buyer.till.settled()
    assert (await plan(buyer))["status"] == "canceled"
    assert await buyer.role() == "user"
    assert (await buyer.order())["status"] == "ended"
    assert await buyer.balance() == WELCOME + MONTHLY


async def test_what_has_ended_stays_ended_whatever_comes_late(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay("monthly")
    buyer.till.end_plan(buyer.subscription(begun["sessionId"]))
    await buyer.till.settled()

    for event in buyer.till.events(*BEGINNING):
        buyer.till.resend(event["id"], as_new=True)
    await buyer.till.settled()

    assert await buyer.role() == "user"
    assert (await plan(buyer))["endedAt"] is not None
    assert (await buyer.order())["status"] == "ended"


async def test_who_has_a_plan_cannot_begin_another(buyer: Buyer, hooked: None) -> None:
    await buyer.pay("monthly")

    answer = await buyer.post("checkout", json={"packageId": "monthly"})

    assert (answer.status_code, answer.json()["code"]) == (409, "already_subscribed")


async def test_of_two_tabs_only_one_begins_a_plan(buyer: Buyer, hooked: None) -> None:
    answers = await asyncio.gather(*(buyer.post("checkout", json={"packageId": "monthly"}) for _ in range(5)))

    assert len({answer.json()["orderId"] for answer in answers}) == 1
    assert len(buyer.till.books.every("checkout.session")) == 1


async def test_after_a_plan_has_ended_another_may_begin(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay("monthly")
    buyer.till.end_plan(buyer.subscription(begun["sessionId"]))
    await buyer.till.settled()

    await buyer.pay("monthly")

    assert await buyer.role() == "subscriber"
    assert await buyer.balance() == WELCOME + 2 * MONTHLY


async def test_a_plan_does_not_keep_one_from_buying_tokens_as_well(buyer: Buyer, hooked: None) -> None:
    await buyer.pay("monthly")

    await buyer.pay("starter")

    assert [kind for kind, _ in await buyer.kinds()] == ["subscription", "purchase"]


async def test_an_administrator_with_a_plan_stays_one(buyer: Buyer, hooked: None) -> None:
    async with buyer.services.db.begin() as session:
        await accounts.set_role(session, buyer.person.id, "admin", buyer.services.clock.now())

    begun = await buyer.pay("monthly")
    assert await buyer.role() == "admin"

    buyer.till.end_plan(buyer.subscription(begun["sessionId"]))
    await buyer.till.settled()
    assert await buyer.role() == "admin"


async def test_a_refund_of_a_month_takes_that_month_s_tokens_even_before_they_came(buyer: Buyer) -> None:
    begun = await buyer.pay("monthly")
    invoice = buyer.till.books.find("checkout.session", begun["sessionId"])["invoice"]
    intent = next(paid for paid in buyer.till.books.every("invoice_payment") if paid["invoice"] == invoice)
    buyer.till.refund(intent["payment"]["payment_intent"])

    await deliver(buyer.client, buyer.till.events("refund.created")[0])

    assert await buyer.kinds() == [("subscription", MONTHLY), ("refund", -MONTHLY)]
    assert await buyer.balance() == WELCOME


@pytest.mark.parametrize("more_settings", [{"turns_per_user_max": 1, "turns_per_subscriber_max": 2}])
async def test_who_has_a_plan_may_have_more_replies_at_once(
    buyer: Buyer, hooked: None, provider: ScriptedProvider
) -> None:
    provider.pause_before = 0
    assert [await ask(buyer) for _ in range(2)] == [202, 429]

    await buyer.pay("monthly")

    assert [await ask(buyer) for _ in range(2)] == [202, 429]


async def ask(buyer: Buyer) -> int:
    headers = {**buyer.person.headers, "Prefer": "respond-async"}
    answer = await buyer.client.post("/api/chat", json={"message": "Hi", "maxTokens": 20}, headers=headers)
    return answer.status_code


async def test_the_portal_is_at_stripe_and_leads_back_to_one_page_only(buyer: Buyer, hooked: None) -> None:
    await buyer.pay("monthly")

    answer = await buyer.post("portal")

    assert answer.status_code == 200
    made = buyer.till.books.every("billing_portal.session")[0]
    assert made["return_url"] == "http://app/billing"
    assert answer.json()["url"].startswith(buyer.services.settings.stripe_api_base)


async def test_who_has_bought_nothing_has_no_portal(buyer: Buyer) -> None:
    answer = await buyer.post("portal")

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_bought")


@pytest.mark.parametrize(
    ("status", "role"),
    [
        *(("active", "subscriber"), ("trialing", "subscriber"), ("past_due", "subscriber"), ("unpaid", "user")),
        *(("incomplete", "user"), ("incomplete_expired", "user"), ("paused", "user"), ("canceled", "user")),
        ("a status of tomorrow", "user"),
    ],
)
async def test_only_a_plan_that_is_paid_or_has_time_to_be_makes_a_subscriber(
    buyer: Buyer, hooked: None, status: str, role: str
) -> None:
    begun = await buyer.pay("monthly")
    subscription = buyer.subscription(begun["sessionId"])
    with buyer.till.books.change():
        buyer.till.books.put({**buyer.till.books.find("subscription", subscription), "status": status})

    await deliver(buyer.client, about("customer.subscription.updated", {"id": subscription}))

    assert await buyer.role() == role


async def test_a_portal_that_is_not_set_up_is_said_in_plain_words(buyer: Buyer) -> None:
    async with buyer.services.db.begin() as session:
        await session.run(customers.KEEP, buyer.person.id, "sandbox", "cus_nobody", buyer.services.clock.now())

    answer = await buyer.post("portal")

    assert (answer.status_code, answer.json()["code"]) == (502, "payments_failed")
    assert "cus_nobody" not in answer.text
