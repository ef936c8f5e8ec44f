"""Refunds that begin with us: the buyer's own, of what is unspent, and the operator's."""

from __future__ import annotations

import pytest

from app import operator
from app.billing import asking, packages
from app.billing.asking import NothingToRefund, NotRefundable
from app.errors import NotFound
from app.stripe_sandbox.till import Till
from tests.billing.buying import STARTER, WELCOME, Buyer
from tests.fakes.clock import FakeClock

HALF = STARTER // 2


async def test_what_is_unspent_is_refunded_by_the_buyer(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    await buyer.spend(WELCOME + HALF)

    answer = await buyer.post(f"orders/{begun['orderId']}/refund")

    assert answer.json() == {
        "orderId": begun["orderId"], "status": "refunded", "tokens": HALF, "amount": 250, "balance": 0
    }  # fmt: skip
    await buyer.till.settled()
    assert await buyer.kinds() == [("purchase", STARTER), ("usage", -WELCOME - HALF), ("refund", -HALF)]
    assert charged_back(buyer.till) == 250


async def test_the_buyer_s_refund_happens_once_however_often_it_is_asked_for(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()

    answers = [await buyer.post(f"orders/{begun['orderId']}/refund") for _ in range(3)]

    assert [answer.json()["amount"] for answer in answers] == [500, 500, 500]
    await buyer.till.settled()
    assert await buyer.balance() == WELCOME
    assert charged_back(buyer.till) == 500


async def test_the_oldest_tokens_are_spent_first(buyer: Buyer, hooked: None) -> None:
    older = await buyer.pay()
    newer = await buyer.pay("regular")
    await buyer.spend(WELCOME + 10_000)

    found = {order["id"]: order["refundable"] for order in (await buyer.get("orders"))["orders"]}

    assert found[older["orderId"]]["tokens"] == STARTER - 10_000
    assert found[older["orderId"]]["amount"] == 400
    assert found[newer["orderId"]]["tokens"] == 250_000
    await buyer.post(f"orders/{newer['orderId']}/refund")
    assert (await buyer.post(f"orders/{older['orderId']}/refund")).json()["tokens"] == STARTER - 10_000
    assert await buyer.balance() == 0


async def test_nothing_is_left_to_refund_when_all_of_it_was_spent(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    await buyer.spend(WELCOME + STARTER)

    answer = await buyer.post(f"orders/{begun['orderId']}/refund")

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_refund")
    assert (await buyer.order())["refundable"] is None


async def test_after_the_days_for_it_no_refund_is_given(buyer: Buyer, hooked: None, clock: FakeClock) -> None:
    begun = await buyer.pay()
    clock.advance(days=14, seconds=1)

    answer = await buyer.post(f"orders/{begun['orderId']}/refund", headers=await signed_in_again(buyer))

    assert (answer.status_code, answer.json()["code"]) == (409, "not_refundable")


async def signed_in_again(buyer: Buyer) -> dict[str, str]:
    body = {"email": buyer.person.email, "password": buyer.person.password}
    answer = await buyer.client.post("/api/auth/login", json=body)
    buyer.client.cookies.clear()
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_somebody_else_s_order_is_not_there(buyer: Buyer, other: Buyer, hooked: None) -> None:
    begun = await buyer.pay()

    answer = await other.post(f"orders/{begun['orderId']}/refund")

    assert answer.status_code == 404
    assert (await other.post(f"checkout/{begun['sessionId']}/complete")).status_code == 404
    assert await buyer.balance() == WELCOME + STARTER


async def test_an_order_in_dispute_is_not_refunded_by_the_buyer(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    buyer.till.dispute(buyer.intent(begun["sessionId"]), inquiry=True)
    await buyer.till.settled()

    answer = await buyer.post(f"orders/{begun['orderId']}/refund")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_refundable")


async def test_a_refund_that_stripe_refuses_gives_the_tokens_back(buyer: Buyer) -> None:
    begun = await buyer.buy()
    buyer.till.refund(buyer.intent(begun["sessionId"]))

    answer = await buyer.post(f"orders/{begun['orderId']}/refund")

    assert (answer.status_code, answer.json()["code"]) == (502, "payments_failed")
    assert await buyer.balance() == WELCOME, "Stripe had refunded all of it, of which we had not heard"


@pytest.mark.parametrize(
    ("tokens", "everything", "gone", "cents"),
    [(None, False, 40_000, 400), (5_000, False, 5_000, 50), (None, True, STARTER, 500)],
)
async def test_the_operator_refunds_what_is_unspent_or_so_much_or_everything(
    buyer: Buyer, hooked: None, tokens: int | None, everything: bool, gone: int, cents: int
) -> None:
    begun = await buyer.pay()
    await buyer.spend(WELCOME + 10_000)

    noted = await asking.refund_order(buyer.services.shop, begun["orderId"], tokens, everything=everything)
    await buyer.till.settled()

    assert (noted.state, noted.tokens, noted.cents) == ("taken", gone, cents)
    assert await buyer.balance() == max(0, 40_000 - gone)
    assert await buyer.owed() == max(0, gone - 40_000)


async def test_the_operator_is_told_why_an_order_cannot_be_refunded(buyer: Buyer) -> None:
    begun = await buyer.begin()
    shop = buyer.services.shop

    with pytest.raises(NotRefundable, match="Nothing was paid"):
        await asking.refund_order(shop, begun["orderId"], None)
    with pytest.raises(NotFound, match="There is no order ord_other"):
        await asking.refund_order(shop, "ord_other", None)
    buyer.till.pay(begun["sessionId"])
    await buyer.complete(begun["sessionId"])
    await asking.refund_order(shop, begun["orderId"], None)
    with pytest.raises(NothingToRefund, match="has been given back"):
        await asking.refund_order(shop, begun["orderId"], None, everything=True)


def charged_back(till: Till) -> int:
    return sum(refund["amount"] for refund in till.books.every("refund"))


async def test_the_operator_gives_back_a_plan_month_by_month_and_hears_what_is_left(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay("monthly")
    buyer.till.renew(buyer.subscription(begun["sessionId"]))
    await buyer.till.settled()

    said = [await operator.refund(buyer.services, begun["orderId"], None, True) for _ in range(2)]

    assert said == [
        "400,000 tokens, 25.00 USD: refunded. Paid for this order and not given back: 1 more.",
        "400,000 tokens, 25.00 USD: refunded.",
    ]
    assert len({refund["payment_intent"] for refund in buyer.till.books.every("refund")}) == 2
    assert await buyer.balance() == WELCOME
    with pytest.raises(NothingToRefund, match="given back"):
        await operator.refund(buyer.services, begun["orderId"], None, True)


@pytest.mark.parametrize(
    ("currency", "price", "back", "in_words"),
    [("kwd", 5_000, 1_660, "5.000 KWD"), ("isk", 50_000, 16_600, "500.00 ISK"), ("ugx", 500, 100, "5.00 UGX")],
)
async def test_a_refund_is_an_amount_that_stripe_takes_and_the_rest_stays_with_its_tokens(
    buyer: Buyer, hooked: None, currency: str, price: int, back: int, in_words: str
) -> None:
    changes = {"price_cents": price, "currency": currency}
    async with buyer.services.db.begin() as session:
        await packages.change(session, "starter", changes, buyer.services.clock.now())
    begun = await buyer.buy()
    offered = buyer.till.books.every("product")[0]
    await buyer.spend(WELCOME + STARTER - 16_667)

    answer = await buyer.post(f"orders/{begun['orderId']}/refund")

    assert (answer.status_code, charged_back(buyer.till)) == (200, back)
    assert await buyer.balance() == 16_667 - STARTER * back // price
    assert offered["description"] == f"50,000 tokens for {in_words}"
