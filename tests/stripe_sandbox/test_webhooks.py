"""The shop is told: signed, in order, again when it did not listen, and in the ways in which a network goes wrong."""

from __future__ import annotations

from pathlib import Path

import httpx2
import orjson
import pytest
import stripe

from app.stripe_sandbox.till import Till, Trick, Webhook
from tests.fakes.clock import FakeClock
from tests.live import serve
from tests.stripe_sandbox.inbox import SECRET, Inbox
from tests.stripe_sandbox.sdk import pack
from tests.waiting import eventually

BOUGHT = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]


def happen(till: Till, name: str) -> None:
    with till.books.change():
        till.books.happened(name, {"id": "cus_1", "object": "customer"})


async def buy(client: stripe.StripeClient, till: Till) -> str:
    session = await client.v1.checkout.sessions.create_async(pack())
    till.pay(session.id)
    await till.settled()
    return session.id


async def test_an_event_is_a_snapshot_that_the_sdk_proves(
    client: stripe.StripeClient, till: Till, inbox: Inbox
) -> None:
    await buy(client, till)

    event = orjson.loads(inbox.bodies[-1])

    assert inbox.types == BOUGHT
    assert event["id"].startswith("evt_")
    assert (event["object"], event["livemode"], event["api_version"]) == ("event", False, stripe.api_version)
    assert event["pending_webhooks"] == 1
    assert event["request"] == {"id": None, "idempotency_key": None}
    assert not any(name.startswith("_") for name in event["data"]["object"])


async def test_what_a_call_brought_about_names_the_call(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    customer = await client.v1.customers.create_async({}, {"idempotency_key": "usr_1"})
    await till.settled()

    assert customer.last_response is not None
    assert inbox.events[0].request is not None
    assert inbox.events[0].request.to_dict() == {
        "id": customer.last_response.headers["Request-Id"],
        "idempotency_key": "usr_1",
    }


async def test_what_was_different_before_is_told(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    session = await client.v1.checkout.sessions.retrieve_async(await buy(client, till))
    assert isinstance(session.payment_intent, str)

    till.refund(session.payment_intent, 400)
    await till.settled()

    refunded = orjson.loads(inbox.bodies[-1])
    assert inbox.types[-2:] == ["refund.created", "charge.refunded"]
    assert refunded["data"]["previous_attributes"] == {"amount_refunded": 0}
    assert refunded["data"]["object"]["amount_refunded"] == 400


@pytest.mark.parametrize("status", [500, 404, 307, 300])
async def test_whatever_is_no_success_is_tried_again(
    client: stripe.StripeClient, till: Till, inbox: Inbox, status: int
) -> None:
    inbox.answers = [status, status]

    await client.v1.customers.create_async({})
    await till.settled()

    assert inbox.types == ["customer.created"] * 3
    assert len({event.id for event in inbox.events}) == 1
    assert [delivery["status"] for delivery in till.deliveries()] == [status, status, 200]
    assert till.events()[0]["pending_webhooks"] == 0


async def test_after_three_more_tries_it_is_given_up_and_can_be_found(
    client: stripe.StripeClient, till: Till, inbox: Inbox
) -> None:
    inbox.answers = [500] * 4
    await client.v1.customers.create_async({})
    await till.settled()
    await client.v1.customers.create_async({})
    await till.settled()

    missed = await client.v1.events.list_async({"delivery_success": False, "types": ["customer.created"]})

    assert len(inbox.events) == 5
    assert [event.id for event in missed.data] == [inbox.events[0].id]


async def test_nobody_waits_for_a_shop_that_is_not_there(clock: FakeClock) -> None:
    async with Till(clock=clock, retry_seconds=(0,)) as till:
        till.send_to(Webhook("http://127.0.0.1:1/hook", SECRET))
        happen(till, "customer.created")
        await till.settled()

        assert [delivery["status"] for delivery in till.deliveries()] == [None, None]
        assert "ConnectError" in till.deliveries()[0]["answer"]


async def test_each_try_is_signed_with_its_own_time(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    inbox.answers = [500]

    await client.v1.customers.create_async({})
    await till.settled()

    signatures = [headers["stripe-signature"] for headers in inbox.headers]
    assert len(signatures) == len(set(signatures)) == 2


async def test_every_endpoint_is_told(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    other = Inbox()
    async with serve(other.app) as url:
        till.send_to(Webhook(f"{url}/hook", SECRET))
        await client.v1.customers.create_async({})
        await till.settled()

    assert inbox.types == other.types == ["customer.created"]
    assert sorted(event.pending_webhooks for event in inbox.events + other.events) in ([1, 2], [2, 2])
    assert till.events()[0]["pending_webhooks"] == 0


async def test_the_next_webhook_can_be_lost_and_sent_later(
    client: stripe.StripeClient, till: Till, inbox: Inbox
) -> None:
    till.trick(Trick.DROP)
    await client.v1.customers.create_async({})
    await till.settled()
    lost = inbox.types[:]

    till.resend(till.events()[0]["id"])
    await till.settled()

    assert lost == []
    assert inbox.types == ["customer.created"]


async def test_all_webhooks_can_be_lost_for_a_while(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    till.lose_webhooks()
    await buy(client, till)
    till.lose_webhooks(False)
    await client.v1.customers.create_async({})
    await till.settled()

    assert inbox.types == ["customer.created"]


async def test_the_next_webhook_can_come_twice(client: stripe.StripeClient, till: Till, inbox: Inbox) -> None:
    till.trick(Trick.DUPLICATE)

    await buy(client, till)

    assert inbox.types == [BOUGHT[0], *BOUGHT]
    assert inbox.events[0].id == inbox.events[1].id


async def test_the_next_webhooks_can_come_in_the_wrong_order(
    client: stripe.StripeClient, till: Till, inbox: Inbox
) -> None:
    till.trick(Trick.REORDER)

    await buy(client, till)

    assert inbox.types == BOUGHT[::-1]


async def test_the_same_thing_can_be_told_under_another_id(
    client: stripe.StripeClient, till: Till, inbox: Inbox
) -> None:
    await buy(client, till)

    till.resend(inbox.events[-1].id, as_new=True)
    await till.settled()

    first, second = (event for event in inbox.events if event.type == "checkout.session.completed")
    assert first.id != second.id
    assert first.data.object["id"] == second.data.object["id"]


async def test_a_restart_loses_nothing(tmp_path: Path, inbox: Inbox, clock: FakeClock) -> None:
    """The shop was away when the till stopped; the next one, over the same file, tells what the first could not."""
    path = tmp_path / "data" / "till.db"
    first = Till(path, [Webhook("http://127.0.0.1:1/hook", SECRET)], clock=clock)
    happen(first, "customer.created")
    await first.close()

    async with serve(inbox.app) as url, Till(path, [Webhook(f"{url}/hook", SECRET)], clock=clock) as second:
        await second.settled()

        assert inbox.types == ["customer.created"]
        assert second.events()[0]["pending_webhooks"] == 0


async def test_a_restart_goes_on_with_what_failed_and_lets_rest_what_was_lost_or_given_up(
    tmp_path: Path, inbox: Inbox, clock: FakeClock
) -> None:
    path = tmp_path / "till.db"
    async with serve(inbox.app) as url:
        hook = Webhook(f"{url}/hook", SECRET)
        async with Till(path, [hook], clock=clock, retry_seconds=(0,)) as first:
            inbox.answers = [500, 500]
            happen(first, "given.up")
            await first.settled()
            first.trick(Trick.DROP)
            happen(first, "lost")
        async with Till(path, [hook], clock=clock, retry_seconds=(3600,)) as second:
            inbox.answers = [500]
            happen(second, "failed.once")
            await eventually(lambda: "failed.once" in inbox.types)
        inbox.events.clear()

        async with Till(path, [hook], clock=clock, retry_seconds=(0,)) as third:
            await third.settled()

    assert inbox.types == ["failed.once"]


async def test_a_till_that_is_closed_leaves_no_work_behind(clock: FakeClock) -> None:
    till = Till(clock=clock, retry_seconds=(3600,), debit_seconds=3600)
    till.send_to(Webhook("http://127.0.0.1:1/hook", SECRET))
    happen(till, "customer.created")

    await till.close()

    await till.settled()


async def test_what_is_sent_can_go_through_any_client(clock: FakeClock, inbox: Inbox) -> None:
    """So that a test may stay inside one process."""
    transport = httpx2.ASGITransport(app=inbox.app)
    async with httpx2.AsyncClient(transport=transport) as client, Till(clock=clock, client=client) as till:
        till.send_to(Webhook("http://shop.test/hook", SECRET))
        happen(till, "customer.created")
        await till.settled()

    assert inbox.types == ["customer.created"]
