"""Webhooks by hand: signed as Stripe's SDK signs them, and everything that can be wrong with one."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import orjson
import stripe

from tests.billing.buying import SECRET

PATH = "/api/billing/webhook"


def signed(payload: bytes, secret: str = SECRET, *, at: float | None = None) -> dict[str, str]:
    moment = int(time.time() if at is None else at)
    made: Any = stripe.WebhookSignature.generate_signature_header(payload.decode(), secret, timestamp=moment)
    return {"Stripe-Signature": str(made)}


def about(kind: str, thing: dict[str, Any], **changes: Any) -> dict[str, Any]:
    event = {
        "id": "evt_by_hand",
        "object": "event",
        "type": kind,
        "api_version": stripe.api_version,
        "livemode": False,
        "data": {"object": thing},
    }
    return {**event, **changes}


async def deliver(client: httpx2.AsyncClient, event: Any, path: str = PATH, secret: str = SECRET) -> httpx2.Response:
    payload = orjson.dumps(event)
    return await client.post(path, content=payload, headers=signed(payload, secret))
