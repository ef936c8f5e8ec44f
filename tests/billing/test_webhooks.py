"""What comes in at the open door: forged, malformed, old, of another kind, or twice. Numbers are those of the failures
that others had: duplicates (1, 2), unknown types (15), other versions (22), other modes (33)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import stripe

from app.billing.gateway import SIGNED_WITHIN_SECONDS
from app.settings import Settings
from app.stripe_sandbox.till import Pay
from tests.billing.buying import SECRET, STARTER, WELCOME, Buyer
from tests.billing.posting import PATH, about, deliver, signed
from tests.observability.lines import logged

PATHS = ["/api/billing/webhook", "/api/billing/webhook/", "/api/stripe/webhook", "/api/stripe/webhook/"]
COMPLETED, LATER = "checkout.session.completed", "checkout.session.async_payment_succeeded"


def body(**changes: Any) -> bytes:
    return orjson.dumps(about(COMPLETED, {"id": "cs_test_1"}, **changes))


async def stored(buyer: Buyer) -> list[dict[str, Any]]:
    async with buyer.services.db.read() as session:
        return [dict(row) for row in await session.rows("SELECT * FROM stripe_events ORDER BY id")]


@pytest.mark.parametrize("path", PATHS)
async def test_every_form_of_the_address_is_answered_and_none_redirects(buyer: Buyer, path: str) -> None:
    begun = await buyer.pay()

    answer = await deliver(buyer.client, about(COMPLETED, {"id": begun["sessionId"]}), path)

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert await buyer.balance() == WELCOME + STARTER


async def test_a_sign_in_cookie_of_another_site_is_no_matter_here(buyer: Buyer) -> None:
    begun = await buyer.pay()
    payload = orjson.dumps(about(COMPLETED, {"id": begun["sessionId"]}))
    headers = {
        **signed(payload),
        "Cookie": "session=garbage",
        "Sec-Fetch-Site": "cross-site",
        "Origin": "https://x.org",
    }

    answer = await buyer.client.post(PATH, content=payload, headers=headers)

    assert answer.status_code == 200


async def test_a_delivery_that_comes_again_grants_once(buyer: Buyer) -> None:
    begun = await buyer.pay()
    event = about(COMPLETED, {"id": begun["sessionId"]})

    answers = await asyncio.gather(*(deliver(buyer.client, event) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert await buyer.kinds() == [("purchase", STARTER)]
    assert len(await stored(buyer)) == 1


async def test_two_events_about_one_session_grant_once(buyer: Buyer) -> None:
    begun = await buyer.pay()
    thing = {"id": begun["sessionId"]}
    events = [about(kind, thing, id=f"evt_{number}_{kind}") for number in range(10) for kind in (COMPLETED, LATER)]

    await asyncio.gather(
        *(deliver(buyer.client, event) for event in events), *(buyer.complete(begun["sessionId"]) for _ in range(10))
    )

    assert await buyer.kinds() == [("purchase", STARTER)]
    assert await buyer.balance() == WELCOME + STARTER


GOOD = body()
# Signed when they are sent, or all of them would be too old.
BAD: dict[str, Callable[[], tuple[bytes, dict[str, str]]]] = {
    "no header": lambda: (GOOD, {}),
    "an empty header": lambda: (GOOD, {"Stripe-Signature": ""}),
    "a header without sense": lambda: (GOOD, {"Stripe-Signature": "t=,v1"}),
    "a header with two times": lambda: (GOOD, {"Stripe-Signature": signed(GOOD)["Stripe-Signature"] + ",t=1"}),
    "a header without a time": lambda: (GOOD, {"Stripe-Signature": signed(GOOD)["Stripe-Signature"].partition(",")[2]}),
    "a header without a signature": lambda: (GOOD, {"Stripe-Signature": f"t={int(time.time())}"}),
    "another scheme": lambda: (GOOD, {"Stripe-Signature": signed(GOOD)["Stripe-Signature"].replace("v1=", "v0=")}),
    "another secret": lambda: (GOOD, signed(GOOD, "whsec_other")),
    "another body": lambda: (body(id="evt_other"), signed(GOOD)),
    "a body that was written anew": lambda: (
        orjson.dumps(orjson.loads(GOOD), option=orjson.OPT_INDENT_2),
        signed(GOOD),
    ),
    "too old": lambda: (GOOD, signed(GOOD, at=time.time() - SIGNED_WITHIN_SECONDS - 5)),
    "of the future": lambda: (GOOD, signed(GOOD, at=time.time() + SIGNED_WITHIN_SECONDS + 60)),
    "of a year from now": lambda: (GOOD, signed(GOOD, at=time.time() + 31_536_000)),
    "bytes that are no text": lambda: (b"\xff\xfe{}", {"Stripe-Signature": "t=1,v1=aa"}),
    "no bytes": lambda: (b"", signed(b"")),
    "a list": lambda: (b"[]", signed(b"[]")),
    "a number": lambda: (b"7", signed(b"7")),
    "no JSON": lambda: (b"{", signed(b"{")),
    "an empty object": lambda: (b"{}", signed(b"{}")),
    "depth without end": lambda: (b"[" * 100_000, signed(b"[" * 100_000)),
    "a thin event": lambda: (body(object="v2.core.event"), signed(body(object="v2.core.event"))),
    "no object inside": lambda: (body(data={}), signed(body(data={}))),
    "a list inside": lambda: (body(data={"object": []}), signed(body(data={"object": []}))),
    "an id that is no text": lambda: (body(id=7), signed(body(id=7))),
    "a type that is no text": lambda: (body(type=["a"]), signed(body(type=["a"]))),
    "a mode that is no mode": lambda: (body(livemode="no"), signed(body(livemode="no"))),
    "NUL in the id": lambda: (body(id="evt_\0"), signed(body(id="evt_\0"))),
}


@pytest.mark.parametrize("what", BAD)
async def test_whatever_is_not_an_event_of_ours_of_just_now_is_400(buyer: Buyer, what: str) -> None:
    payload, headers = BAD[what]()

    answer = await buyer.client.post(PATH, content=payload, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "not_signed")
    assert await stored(buyer) == []


async def test_a_signature_of_other_letters_is_400_and_no_error_of_ours(buyer: Buyer) -> None:
    header = signed(GOOD)["Stripe-Signature"].encode() + "é".encode("latin-1")

    answer = await buyer.client.post(PATH, content=GOOD, headers=[(b"Stripe-Signature", header)])

    assert answer.status_code == 400


async def test_what_carries_several_signatures_needs_one_that_is_right(buyer: Buyer) -> None:
    wrong = "v1=" + "0" * 64
    header = signed(GOOD)["Stripe-Signature"].replace("v1=", f"{wrong},v1=")

    answer = await buyer.client.post(PATH, content=GOOD, headers={"Stripe-Signature": header})

    assert answer.status_code == 200


@pytest.mark.parametrize("more_settings", [{"stripe_webhook_secret": f"whsec_new , {SECRET}\n,,"}])
async def test_while_a_secret_is_replaced_the_old_and_the_new_one_both_hold(buyer: Buyer) -> None:
    answers = [await deliver(buyer.client, about("x.y", {}, id=f"evt_{s}"), secret=s) for s in ("whsec_new", SECRET)]

    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("more_settings", [{"stripe_webhook_secret": ""}, {"stripe_webhook_secret": " , \n"}])
async def test_without_a_secret_there_is_no_such_door(buyer: Buyer) -> None:
    for secret in (SECRET, " ", "\n"):
        answer = await deliver(buyer.client, about("x.y", {}), secret=secret)

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_more_than_256_kilobytes_are_413_and_not_looked_at(buyer: Buyer) -> None:
    payload = orjson.dumps(about(COMPLETED, {"id": "cs_1", "padding": "x" * 262_144}))

    answer = await buyer.client.post(PATH, content=payload, headers=signed(payload))

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert await stored(buyer) == []


@pytest.mark.parametrize("kind", ["payout.paid", "customer.created", "charge.succeeded", "a.type.of.tomorrow"])
async def test_a_type_that_we_do_not_act_on_is_200_and_kept(buyer: Buyer, kind: str) -> None:
    answer = await deliver(buyer.client, about(kind, {"id": "po_1"}))

    assert answer.status_code == 200
    assert [(event["type"], event["state"]) for event in await stored(buyer)] == [(kind, "ignored")]


async def test_an_event_of_another_mode_changes_nothing(buyer: Buyer) -> None:
    begun = await buyer.pay()

    answer = await deliver(buyer.client, about(COMPLETED, {"id": begun["sessionId"]}, livemode=True))

    assert answer.status_code == 200
    assert await buyer.kinds() == []
    assert [event["state"] for event in await stored(buyer)] == ["ignored"]


async def test_a_session_that_no_order_knows_is_kept_for_somebody_to_look_at(buyer: Buyer) -> None:
    begun = await buyer.pay()
    async with buyer.services.db.begin() as session:
        await session.run("DELETE FROM orders")

    answer = await deliver(buyer.client, about(COMPLETED, {"id": begun["sessionId"]}))

    assert answer.status_code == 200
    assert [event["state"] for event in await stored(buyer)] == ["unmatched"]
    assert await buyer.kinds() == []


async def test_an_event_is_stored_as_it_came(buyer: Buyer) -> None:
    payload = b'{ "id":"evt_1","object":"event","type":"a.b","livemode":false, "data":{"object":{"n":1.50}} }'

    await buyer.client.post(PATH, content=payload, headers=signed(payload))

    assert [event["payload"] for event in await stored(buyer)] == [payload.decode()]


async def test_every_event_of_the_till_is_read_by_the_sdk_and_by_us(buyer: Buyer) -> None:
    begun = await buyer.pay(how=Pay.DEBIT_SUCCEEDS)
    buyer.till.finish_debit(begun["sessionId"])
    buyer.till.refund(buyer.intent(begun["sessionId"]))

    for event in buyer.till.events():
        payload = orjson.dumps(event)
        stripe.Webhook.construct_event(payload, signed(payload)["Stripe-Signature"], SECRET)
        assert (await deliver(buyer.client, event)).status_code == 200

    assert {event["state"] for event in await stored(buyer)} == {"done", "ignored"}
    assert await buyer.balance() == WELCOME


async def test_the_log_holds_ids_and_neither_secrets_nor_addresses(buyer: Buyer, settings: Settings) -> None:
    with logged(settings.model_copy(update={"log_level": "DEBUG"})) as lines:
        begun = await buyer.pay()
        await deliver(buyer.client, about(COMPLETED, {"id": begun["sessionId"], "customer_email": "eve@example.com"}))
        await deliver(buyer.client, about(COMPLETED, {"id": "cs_test_nobody"}, id="evt_2"))
        await buyer.client.post(PATH, content=GOOD, headers=signed(GOOD, "whsec_wrong"))

    text = lines.text()
    assert begun["orderId"] in text
    for secret in (SECRET, "whsec_", settings.stripe_secret_key.get_secret_value(), "eve@example.com", "ann@example"):
        assert not re.search(re.escape(secret), text)
