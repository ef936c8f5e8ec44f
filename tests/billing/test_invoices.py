"""Which invoices bring tokens: those of a paid month of the plan, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.buying import MONTHLY, Buyer
from tests.billing.posting import deliver


@pytest.mark.parametrize(
    "doctored",
    [{"billing_reason": "subscription_update"}, {"billing_reason": "manual"}, {"status": "open"}, {"currency": "eur"}],
)
async def test_an_invoice_that_is_not_for_a_paid_month_of_the_plan_brings_nothing(
    buyer: Buyer, doctored: dict[str, Any]
) -> None:
    begun = await buyer.pay("monthly")
    books = buyer.till.books
    invoice = books.find("invoice", books.find("checkout.session", begun["sessionId"])["invoice"])
    with books.change():
        books.put({**invoice, **doctored})

    await buyer.complete(begun["sessionId"])
    await deliver(buyer.client, buyer.till.events("invoice.paid")[0])

    assert await buyer.kinds() == []


async def test_a_month_that_was_free_of_charge_brings_what_the_plan_says_and_a_part_of_one_does_not(
    buyer: Buyer,
) -> None:
    begun = await buyer.pay("monthly")
    books = buyer.till.books
    invoice = books.find("invoice", books.find("checkout.session", begun["sessionId"])["invoice"])
    line = invoice["lines"]["data"][0]
    details = {**line["parent"]["subscription_item_details"], "proration": True}
    part = {**line, "parent": {**line["parent"], "subscription_item_details": details}}

    granted: list[list[tuple[str, int]]] = []
    for lines in ([part], [{**line, "amount": 1}], [{**line, "amount": 0}]):
        with books.change():
            books.put({**invoice, "lines": {**invoice["lines"], "data": lines}})
        await deliver(buyer.client, buyer.till.events("invoice.paid")[0] | {"id": f"evt_{len(granted)}"})
        granted.append(await buyer.kinds())

    assert granted == [[], [], [("subscription", MONTHLY)]]


async def test_a_month_that_took_two_tries_is_given_back_by_the_one_that_paid(buyer: Buyer) -> None:
    begun = await buyer.pay("monthly")
    books = buyer.till.books
    paid = books.every("invoice_payment")[0]
    with books.change():
        intent = books.put({**books.find("payment_intent", paid["payment"]["payment_intent"]), "id": "pi_given_up"})
        given_up = {"status": "canceled", "payment": {"type": "payment_intent", "payment_intent": intent["id"]}}
        books.put({**intent, "status": "canceled"})
        books.put({**paid, **given_up, "id": "inpay_given_up"})
    await buyer.complete(begun["sessionId"])

    buyer.till.refund(paid["payment"]["payment_intent"])
    await deliver(buyer.client, buyer.till.events("refund.created")[0])

    assert await buyer.kinds() == [("subscription", MONTHLY), ("refund", -MONTHLY)]
