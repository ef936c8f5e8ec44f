"""Stripe's own SDK, pointed at the till. What it cannot read, our billing could not either."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import stripe

from app.stripe_sandbox.till import SANDBOX_KEY

# It would write a file into the home of whoever runs the tests.
stripe.enable_telemetry = False
SUCCESS = "http://shop.test/billing?session_id={CHECKOUT_SESSION_ID}"
CANCEL = "http://shop.test/billing"


@asynccontextmanager
async def sdk(url: str, key: str = SANDBOX_KEY, **settings: Any) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.AIOHTTPClient(timeout=5)
    yield stripe.StripeClient(key, http_client=http, base_addresses={"api": url}, **settings)
    await http.close_async()  # type: ignore[no-untyped-call]


def pack(**changes: Any) -> Any:
    """What buying tokens once asks for."""
    data = {"currency": "usd", "unit_amount": 999, "product_data": {"name": "100,000 tokens"}}
    return {
        "mode": "payment",
        "line_items": [{"price_data": data, "quantity": 1}],
        "success_url": SUCCESS,
        "cancel_url": CANCEL,
        "metadata": {"order_id": "ord_1"},
        **changes,
    }


def plan(**changes: Any) -> Any:
    """What a monthly plan asks for."""
    data = {
        "currency": "usd",
        "unit_amount": 1999,
        "product_data": {"name": "Premium"},
        "recurring": {"interval": "month"},
    }
    return {**pack(mode="subscription", line_items=[{"price_data": data, "quantity": 1}]), **changes}
