"""Money that goes back takes its tokens along: in proportion, once, in any order of events, and never below zero."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.billing.buying import STARTER, WELCOME, Buyer
from tests.billing.posting import deliver

HALF = STARTER // 2
KINDS = ("refund.created", "charge.refunded", "checkout.session.completed")


async def test_a_refund_takes_the_tokens_back(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()

    buyer.till.refund(buyer.intent(begun["sessionId"]))
    await buyer.till.settled()

    assert await buyer.kinds() == [("purchase", STARTER), ("refund", -STARTER)]
    assert (await buyer.order()).items() >= {"tokensReturned": STARTER, "amountReturned": 500}.items()


async def test_two_partial_refunds_add_up_to_their_share(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()

    for cents in (167, 166):
        buyer.till.refund(buyer.intent(begun["sessionId"]), cents)
    await buyer.till.settled()

    assert await buyer.balance() == WELCOME + STARTER - STARTER * 333 // 500
    assert len(await buyer.kinds()) == 3


async def test_partial_refunds_of_everything_leave_nothing(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()

    for cents in (1, 166, 167, 166):
        buyer.till.refund(buyer.intent(begun["sessionId"]), cents)
    await buyer.till.settled()

    assert await buyer.balance() == WELCOME


@pytest.mark.parametrize("order", list(permutations(KINDS)), ids="-".join)
async def test_payment_and_refund_in_any_order_of_events_end_alike(buyer: Buyer, order: tuple[str, ...]) -> None:
    begun = await buyer.pay()
    buyer.till.refund(buyer.intent(begun["sessionId"]), 250)
    events = {event["type"]: event for event in buyer.till.events(*KINDS)}

    for kind in order:
        assert (await deliver(buyer.client, events[kind])).status_code == 200

    assert await buyer.kinds() == [("purchase", STARTER), ("refund", -HALF)]
    assert await buyer.balance() == WELCOME + HALF


@pytest.mark.parametrize("kind", ["refund.created", "charge.refunded"])
async def test_a_refund_is_never_lost_for_coming_before_its_payment(buyer: Buyer, kind: str) -> None:
    begun = await buyer.pay()
    buyer.till.refund(buyer.intent(begun["sessionId"]))

    await deliver(buyer.client, buyer.till.events(kind)[0])

    assert await buyer.balance() == WELCOME
    assert (await buyer.complete(begun["sessionId"]))["balance"] == WELCOME


async def test_what_was_spent_is_owed_and_the_next_purchase_pays_it_first(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    await buyer.spend(WELCOME + STARTER - 10)

    buyer.till.refund(buyer.intent(begun["sessionId"]))
    await buyer.till.settled()

    assert (await buyer.balance(), await buyer.owed()) == (0, STARTER - 10)
    completed = await buyer.complete((await buyer.pay())["sessionId"])
    assert (completed["tokensGranted"], completed["debtPaid"], completed["balance"]) == (STARTER, STARTER - 10, 10)
    assert (await buyer.balance(), await buyer.owed()) == (10, 0)


async def test_a_refund_that_fails_puts_the_tokens_back(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    refund = buyer.till.refund(buyer.intent(begun["sessionId"]), 250)
    await buyer.till.settled()

    buyer.till.fail_refund(refund["id"])
    await buyer.till.settled()

    assert await buyer.kinds() == [("purchase", STARTER), ("refund", -HALF), ("refund", HALF)]
    assert (await buyer.order()).items() >= {"tokensReturned": 0, "amountReturned": 0}.items()


async def test_a_refund_event_that_comes_again_takes_once(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    buyer.till.refund(buyer.intent(begun["sessionId"]), 250)

    for event in buyer.till.events("refund.created", "charge.refunded"):
        buyer.till.resend(event["id"], as_new=True)
    await buyer.till.settled()

    assert await buyer.balance() == WELCOME + HALF


async def test_a_dispute_takes_the_tokens_and_a_dispute_won_gives_them_back(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    dispute = buyer.till.dispute(buyer.intent(begun["sessionId"]))
    await buyer.till.settled()
    assert await buyer.balance() == WELCOME
    assert (await buyer.order())["disputed"] is True

    buyer.till.close_dispute(dispute["id"], won=True)
    await buyer.till.settled()

    assert await buyer.kinds() == [("purchase", STARTER), ("dispute", -STARTER), ("dispute", STARTER)]
    assert (await buyer.order())["disputed"] is False


async def test_a_dispute_lost_changes_nothing_more(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    dispute = buyer.till.dispute(buyer.intent(begun["sessionId"]))

    buyer.till.close_dispute(dispute["id"], won=False)
    await buyer.till.settled()

    assert await buyer.balance() == WELCOME


async def test_an_inquiry_takes_nothing_but_is_seen(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()

    dispute = buyer.till.dispute(buyer.intent(begun["sessionId"]), inquiry=True)
    await buyer.till.settled()

    assert await buyer.balance() == WELCOME + STARTER
    assert (await buyer.order()).items() >= {"disputed": True, "refundable": None}.items()
    buyer.till.close_dispute(dispute["id"], won=True)
    await buyer.till.settled()
    assert (await buyer.order())["disputed"] is False


DISPUTED = ("charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated")


@pytest.mark.parametrize("order", list(permutations((*DISPUTED, "checkout.session.completed"))), ids="-".join)
async def test_a_dispute_that_was_won_ends_alike_in_any_order_of_events(buyer: Buyer, order: tuple[str, ...]) -> None:
    begun = await buyer.pay()
    dispute = buyer.till.dispute(buyer.intent(begun["sessionId"]))
    buyer.till.close_dispute(dispute["id"], won=True)
    events = {event["type"]: event for event in buyer.till.events(*order)}

    for kind in order:
        assert (await deliver(buyer.client, events[kind])).status_code == 200

    assert await buyer.balance() == WELCOME + STARTER


CREATED, WITHDRAWN, CLOSED = "charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"


@pytest.mark.parametrize(
    "heard",
    [[CREATED], [CLOSED], [CREATED, CLOSED], [CLOSED, CREATED], *permutations((CREATED, WITHDRAWN, CLOSED))],
    ids="-".join,
)
async def test_a_dispute_that_was_lost_takes_once_whichever_events_come(buyer: Buyer, heard: tuple[str, ...]) -> None:
    begun = await buyer.pay()
    dispute = buyer.till.dispute(buyer.intent(begun["sessionId"]))
    buyer.till.close_dispute(dispute["id"], won=False)
    events = {event["type"]: event for event in buyer.till.events(*heard)}

    for kind in heard:
        assert (await deliver(buyer.client, events[kind])).status_code == 200

    assert await buyer.kinds() == [("purchase", STARTER), ("dispute", -STARTER)]
    assert (await buyer.order())["disputed"] is True


async def test_a_dispute_before_the_grant_leaves_nothing(buyer: Buyer) -> None:
    begun = await buyer.pay()
    buyer.till.dispute(buyer.intent(begun["sessionId"]))

    await deliver(buyer.client, buyer.till.events("charge.dispute.funds_withdrawn")[0])

    assert await buyer.kinds() == [("purchase", STARTER), ("dispute", -STARTER)]


async def test_a_refund_and_a_dispute_of_the_same_money_take_no_more_than_was_granted(
    buyer: Buyer, hooked: None
) -> None:
    begun = await buyer.pay()

    buyer.till.refund(buyer.intent(begun["sessionId"]), 300)
    buyer.till.dispute(buyer.intent(begun["sessionId"]))
    await buyer.till.settled()

    assert await buyer.balance() == WELCOME
    assert await buyer.owed() == 0


async def test_a_dispute_that_is_won_gives_nothing_back_that_was_refunded(buyer: Buyer, hooked: None) -> None:
    begun = await buyer.pay()
    dispute = buyer.till.dispute(buyer.intent(begun["sessionId"]))
    await buyer.till.settled()
    refund = buyer.till.refund(buyer.intent(begun["sessionId"]), 300)

    buyer.till.close_dispute(dispute["id"], won=True)
    await buyer.till.settled()

    assert await buyer.balance() == WELCOME + STARTER * 200 // 500
    buyer.till.fail_refund(refund["id"])
    await buyer.till.settled()
    assert await buyer.balance() == WELCOME + STARTER
