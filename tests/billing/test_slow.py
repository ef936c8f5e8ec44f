"""A Stripe that takes its time: nobody waits longer than they must, and no transaction stands open meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import orjson
import pytest
from starlette.applications import Starlette

from app.billing import asking
from app.billing.gateway import Gateway
from app.billing.inbox import ANSWER_SECONDS, Inbox
from app.billing.leaving import leave
from app.billing.reconcile import reconcile
from app.billing.till import account_of
from app.db import Database, Session
from app.services import Services
from app.settings import Settings
from tests.billing.buying import MONTHLY, STARTER, Buyer
from tests.billing.line import Line
from tests.billing.posting import about, deliver, signed
from tests.fakes.clock import FakeClock
from tests.waiting import WAIT_SECONDS_MAX

pytestmark = pytest.mark.usefixtures("line")

STRIPE_HOLDS_THE_PAGE_SECONDS = 10


class Watched(Database):
    """The same database, by which one can tell whether a unit of work is open."""

    def __init__(self, watched: Database) -> None:
        self._engine, self.open_now, self.opened = watched._engine, 0, 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Session]:
        async with self._counted(), super().begin() as session:
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        async with self._counted(), super().read() as session:
            yield session

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        self.open_now, self.opened = self.open_now + 1, self.opened + 1
        try:
            yield
        finally:
            self.open_now -= 1


@pytest.fixture
def watched(app: Starlette, services: Services, line: Line) -> list[int]:
    """How many units were open at each of the moments that Stripe was asked."""
    db, found = Watched(services.db), list[int]()
    shop = replace(services.shop, db=db)
    app.state.services = replace(services, db=db, shop=shop, inbox=Inbox(shop))
    line.on_asked = lambda: found.append(db.open_now)
    return found


async def test_no_transaction_is_open_while_stripe_is_asked_whatever_for(
    buyer: Buyer, app: Starlette, watched: list[int], line: Line, clock: FakeClock
) -> None:
    its: Services = app.state.services
    one_off, plan, lost = await buyer.begin("large"), await buyer.begin("monthly"), await buyer.begin("regular")
    for begun in (one_off, plan, lost):
        buyer.till.pay(begun["sessionId"])
    buyer.till.dispute(buyer.intent(one_off["sessionId"]), inquiry=True)
    for event in buyer.till.events():
        if lost["sessionId"] not in orjson.dumps(event).decode():
            assert (await deliver(buyer.client, event)).status_code == 200
    await buyer.complete(one_off["sessionId"])
    await buyer.post("portal")
    clock.advance(minutes=2)
    await reconcile(its.shop, its.inbox)
    await asking.refund_order(its.shop, one_off["orderId"], 1_000)
    buyer.till.refund(buyer.intent(one_off["sessionId"]), 100)
    for event in buyer.till.events("refund.created", "charge.refunded"):
        await deliver(buyer.client, event)
    await buyer.begin("starter")
    await leave(its.shop, buyer.person.id)

    asked_for = {path.rpartition("/v1/")[2].partition("/")[0] for path, _ in line.asked}
    assert asked_for >= {"customers", "checkout", "invoices", "subscriptions", "refunds", "disputes", "events"}
    assert set(watched) == {0}


async def test_a_webhook_is_stored_and_answered_while_stripe_is_still_thinking_and_granted_when_it_has(
    buyer: Buyer, line: Line
) -> None:
    begun = await buyer.pay()
    inbox, thought = Inbox(buyer.services.shop, answer_seconds=0.05), asyncio.Event()
    payload = orjson.dumps(about("checkout.session.completed", {"id": begun["sessionId"]}))
    line.next = [thought]

    await asyncio.wait_for(inbox.take(payload, signed(payload)["Stripe-Signature"]), WAIT_SECONDS_MAX)

    assert await stored(buyer) == [("new", payload.decode())]
    assert await buyer.kinds() == []
    thought.set()
    await inbox.drain()
    assert [state for state, _ in await stored(buyer)] == ["done"]
    assert await buyer.kinds() == [("purchase", STARTER)]


async def test_a_webhook_that_is_handled_at_once_is_answered_after_that(buyer: Buyer) -> None:
    begun = await buyer.pay("monthly")
    invoice = buyer.till.books.find("checkout.session", begun["sessionId"])["invoice"]

    await deliver(buyer.client, about("invoice.paid", {"id": invoice}))

    assert await buyer.kinds() == [("subscription", MONTHLY)]


def test_a_webhook_is_answered_before_stripe_lets_the_buyer_go_without_us() -> None:
    assert ANSWER_SECONDS < STRIPE_HOLDS_THE_PAGE_SECONDS


async def test_stripe_is_waited_for_twenty_seconds_and_not_eighty(settings: Settings, line: Line) -> None:
    gateway = Gateway(account_of(settings))

    await gateway.create_customer("eve@example.com", "usr_1", key="k")

    transport = gateway._transport
    assert transport is not None
    assert isinstance(transport._timeout, aiohttp.ClientTimeout)
    assert transport._timeout.total == 20
    await gateway.close()


async def test_a_stripe_that_says_nothing_is_502_in_time_and_the_next_click_goes_on_with_the_order(
    buyer: Buyer, app: Starlette, line: Line
) -> None:
    its, at_last = buyer.services, asyncio.Event()
    gateway = Gateway(its.shop.gateway.account, call_seconds=0.3)
    app.state.services = replace(its, shop=replace(its.shop, gateway=gateway))
    line.next = [None, at_last]

    answer = await buyer.post("checkout", json={"packageId": "starter"})
    at_last.set()

    assert (answer.status_code, answer.json()["code"]) == (502, "payments_failed")
    assert [path for path, _ in line.asked] == ["POST /v1/customers", "POST /v1/checkout/sessions"], "waited for once"
    waiting = await buyer.order()
    assert waiting["status"] == "open"
    begun = await buyer.begin()
    assert begun["orderId"] == waiting["id"]
    assert [one["id"] for one in buyer.till.books.every("checkout.session")] == [begun["sessionId"]]
    await gateway.close()


async def stored(buyer: Buyer) -> list[tuple[str, str]]:
    async with buyer.services.db.read() as session:
        return [(row["state"], row["payload"]) for row in await session.rows("SELECT * FROM stripe_events")]
