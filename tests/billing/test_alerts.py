"""Whatever a person has to look at is counted where an alarm can be set on it, and README names every kind."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.accounts import accounts
from app.billing.alerts import KINDS, Kind
from app.billing.reconcile import reconcile
from app.ledger import ledger
from tests.billing.buying import Buyer
from tests.billing.posting import about, deliver
from tests.fakes.clock import FakeClock

README = (Path(__file__).parents[2] / "README.md").read_text()
COMPLETED = "checkout.session.completed"
COUNT = re.compile(r'^prome_payment_alerts_total\{kind="(\w+)"\} (\S+)$', re.MULTILINE)


async def counts(buyer: Buyer) -> dict[str, float]:
    found = (await buyer.client.get("/metrics")).text
    return {kind: float(count) for kind, count in COUNT.findall(found)}


async def another_amount(buyer: Buyer) -> None:
    begun = await buyer.pay()
    session = buyer.till.books.find("checkout.session", begun["sessionId"])
    with buyer.till.books.change():
        buyer.till.books.put({**session, "amount_subtotal": 1})
    await buyer.complete(begun["sessionId"])


async def another_currency(buyer: Buyer) -> None:
    begun = await buyer.pay("monthly")
    invoice = buyer.till.books.find("checkout.session", begun["sessionId"])["invoice"]
    with buyer.till.books.change():
        buyer.till.books.put({**buyer.till.books.find("invoice", invoice), "currency": "eur"})
    await deliver(buyer.client, about("invoice.paid", {"id": invoice}))


async def nobody_s_session(buyer: Buyer) -> None:
    begun = await buyer.pay()
    async with buyer.services.db.begin() as session:
        await session.run("DELETE FROM orders")
    await deliver(buyer.client, about(COMPLETED, {"id": begun["sessionId"]}))


async def nobody_s_plan(buyer: Buyer) -> None:
    begun = await buyer.pay("monthly")
    async with buyer.services.db.begin() as session:
        await session.run("DELETE FROM orders")
    await deliver(buyer.client, about("customer.subscription.updated", {"id": buyer.subscription(begun["sessionId"])}))


async def another_mode(buyer: Buyer) -> None:
    await deliver(buyer.client, about(COMPLETED, {"id": "cs_1"}, livemode=True))


async def another_version(buyer: Buyer) -> None:
    await deliver(buyer.client, about("payout.paid", {"id": "po_1"}, api_version="2024-06-20"))


async def a_session_that_stripe_does_not_know(buyer: Buyer) -> None:
    await deliver(buyer.client, about(COMPLETED, {"id": "cs_of_another_account"}))
    async with buyer.services.db.begin() as session:
        await session.run("UPDATE stripe_events SET tries = 84")
    clock = buyer.services.clock
    assert isinstance(clock, FakeClock)
    clock.advance(hours=2)
    await buyer.services.inbox.retry()


async def a_closed_account(buyer: Buyer) -> None:
    begun = await buyer.pay()
    async with buyer.services.db.begin() as session:
        await accounts.disable(session, buyer.person.id, buyer.services.clock.now())
    await deliver(buyer.client, about(COMPLETED, {"id": begun["sessionId"]}))


async def a_dispute(buyer: Buyer) -> None:
    begun = await buyer.buy()
    dispute = buyer.till.dispute(buyer.intent(begun["sessionId"]))
    await deliver(buyer.client, about("charge.dispute.created", {"id": dispute["id"]}))


async def a_grant_without_a_payment(buyer: Buyer) -> None:
    await buyer.begin()
    async with buyer.services.db.begin() as session:
        await ledger.credit(session, buyer.person.id, 5, kind="purchase", reference="cs_made_up")
    await reconcile(buyer.services.shop, buyer.services.inbox)


CAUSES: dict[Kind, Callable[[Buyer], Awaitable[None]]] = {
    "session_does_not_fit": another_amount,
    "invoice_does_not_fit": another_currency,
    "event_unmatched": nobody_s_session,
    "plan_without_order": nobody_s_plan,
    "event_given_up": a_session_that_stripe_does_not_know,
    "event_of_other_mode": another_mode,
    "event_of_other_version": another_version,
    "paid_for_closed_account": a_closed_account,
    "disputed": a_dispute,
    "payments_difference": a_grant_without_a_payment,
}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_wants_a_person_is_counted_once_and_under_its_own_name(buyer: Buyer, kind: Kind) -> None:
    await CAUSES[kind](buyer)

    assert await counts(buyer) == {**dict.fromkeys(KINDS, 0), kind: 1}


async def test_a_purchase_that_goes_well_alarms_nobody(buyer: Buyer, hooked: None) -> None:
    for package in ("starter", "monthly"):
        await buyer.buy(package)
    await reconcile(buyer.services.shop, buyer.services.inbox)

    assert await counts(buyer) == dict.fromkeys(KINDS, 0)


def test_readme_names_every_kind_of_alert() -> None:
    listed = README.partition("<!-- alerts -->")[2].partition("<!-- /alerts -->")[0]

    assert re.findall(r"^\| `(\w+)` \|", listed, re.MULTILINE) == list(KINDS)
