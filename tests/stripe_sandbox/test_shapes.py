"""Each thing has the fields of the pinned API version: none is missing, none is made up, and each is of its kind."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from app.stripe_sandbox import till as tills
from app.stripe_sandbox.api import TABLE
from app.stripe_sandbox.books import outside
from app.stripe_sandbox.shelf import Thing
from app.stripe_sandbox.till import Pay, Till
from tests.stripe_sandbox.declared_shapes import faults
from tests.stripe_sandbox.sdk import pack, plan

SHAPES: dict[str, type[stripe.StripeObject]] = {
    "billing_portal.session": stripe.billing_portal.Session,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "item": stripe.LineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "price": stripe.Price,
    "product": stripe.Product,
    "refund": stripe.Refund,
    "subscription": stripe.Subscription,
}


async def everything(client: stripe.StripeClient, till: Till) -> list[Thing]:
    """Whatever the till can bring about, from an order to a dispute."""
    v1 = client.v1
    customer = await v1.customers.create_async({"email": "ann@example.com"})
    await v1.billing_portal.sessions.create_async({"customer": customer.id, "return_url": "http://shop.test/"})
    bought = [await v1.checkout.sessions.create_async(pack(customer=customer.id)) for _ in range(5)]
    with pytest.raises(tills.Refusal):
        till.pay(bought[0].id, Pay.DECLINED)
    paid = [till.pay(session.id)["payment_intent"] for session in bought[:3]]
    for session, how in ((bought[3], Pay.DEBIT_SUCCEEDS), (bought[4], Pay.DEBIT_FAILS)):
        till.pay(session.id, how)
        till.finish_debit(session.id)
    till.fail_refund(till.refund(paid[0], 100)["id"])
    till.refund(paid[0])
    for intent, won in zip(paid[1:], (True, False), strict=True):
        till.close_dispute(till.dispute(intent)["id"], won=won)
    plans = [await v1.checkout.sessions.create_async(plan(customer=customer.id)) for _ in range(2)]
    first, second = (till.pay(session.id)["subscription"] for session in plans)
    till.renew(first)
    till.renew(first, paid=False)
    till.end_plan(first)
    till.cancel_plan(second)
    till.renew(second)
    till.expire((await v1.checkout.sessions.create_async(pack())).id)
    lines = [line for session in till.books.every("checkout.session") for line in session["_lines"]]
    return [outside(thing) for kind in SHAPES for thing in till.books.every(kind)] + lines


async def test_every_thing_has_the_fields_that_the_sdk_declares(client: stripe.StripeClient, till: Till) -> None:
    things = await everything(client, till)

    wrong = sorted({fault for thing in things for fault in faults(thing, SHAPES[thing["object"]], thing["object"])})

    assert wrong == []
    assert {thing["object"] for thing in things} == SHAPES.keys()


async def test_what_an_event_holds_has_those_fields_too(client: stripe.StripeClient, till: Till) -> None:
    await everything(client, till)

    wrong = {
        fault
        for event in till.events()
        for thing in [event["data"]["object"]]
        for fault in faults(thing, SHAPES[thing["object"]], event["type"])
    }

    assert wrong == set()


@pytest.mark.parametrize(
    ("thing", "fault"),
    [
        ({"id": 1}, "it.id is 1, which is no str"),
        ({"made_up": 1}, "it.made_up is no field of Refund"),
        ({}, "it.amount is missing"),
        ({"reason": "boredom"}, "it.reason is 'boredom', which the SDK does not know"),
    ],
)
def test_what_is_missing_made_up_or_of_another_kind_is_noticed(thing: dict[str, Any], fault: str) -> None:
    assert fault in list(faults(thing, stripe.Refund, "it"))


def test_the_till_speaks_the_version_that_the_sdk_is_pinned_to() -> None:
    assert stripe.api_version == tills.API_VERSION


def test_no_path_stands_in_the_table_twice() -> None:
    rows = [(row.method, row.path) for row in TABLE]

    assert len(set(rows)) == len(rows)
