"""All that a session at Stripe is made of, in our words and in Stripe's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Terms:
    """Under one key they are always the same."""

    key: str
    kind: str
    name: str
    description: str
    price_cents: int
    currency: str
    stripe_price_id: str | None
    customer_id: str
    user_id: str
    success_url: str
    cancel_url: str
    expires_at: datetime


def in_stripes_words(terms: Terms) -> dict[str, Any]:
    """Which ways to pay there are, and whose page it is on, is left to Stripe: it refuses to be told either."""
    named = {"order_id": terms.key, "user_id": terms.user_id}
    monthly = terms.kind == "month"
    price = {
        "currency": terms.currency,
        "unit_amount": terms.price_cents,
        "product_data": {"name": terms.name, "description": terms.description},
        **({"recurring": {"interval": "month"}} if monthly else {}),
    }
    return {
        "mode": "subscription" if monthly else "payment",
        "line_items": [
            {"quantity": 1, **({"price": terms.stripe_price_id} if terms.stripe_price_id else {"price_data": price})}
        ],
        "customer": terms.customer_id,
        "client_reference_id": terms.key,
        "metadata": named,
        # A subscription and its invoices carry these, and so does the payment of one purchase.
        "subscription_data" if monthly else "payment_intent_data": {"metadata": named},
        "success_url": terms.success_url,
        "cancel_url": terms.cancel_url,
        "expires_at": int(terms.expires_at.timestamp()),
    }
