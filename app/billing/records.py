"""What we read of Stripe's objects, as small values of our own. Nothing behind this knows the SDK.

Field names are those of the API version that the SDK pins: an invoice says its subscription under `parent`, and a
period belongs to the item of a subscription.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]
UNPAID_STATUSES = frozenset({"requires_payment_method", "canceled"})
PAID_STATUSES = frozenset({"active", "trialing"})
# Whoever is late with a payment has the time that Stripe gives them.
LIVE_STATUSES = PAID_STATUSES | {"past_due"}
OVER_STATUSES = frozenset({"canceled", "incomplete_expired"})
GRANTED_FOR = frozenset({"subscription_create", "subscription_cycle"})


@dataclass(frozen=True)
class Session:
    id: str
    mode: str
    status: str
    payment_status: str
    payment_failed: bool
    subtotal_cents: int
    total_cents: int
    currency: str
    customer_id: str
    order_id: str
    url: str
    livemode: bool
    payment_intent: str | None
    subscription_id: str | None
    invoice_id: str | None
    was_refunded: bool

    @classmethod
    def of(cls, found: Json) -> Session:
        intent = found.get("payment_intent")
        paying = intent if isinstance(intent, Mapping) else {}
        charge = paying.get("latest_charge")
        refunded = charge.get("amount_refunded", 0) if isinstance(charge, Mapping) else 0
        return cls(
            id=found["id"],
            mode=found["mode"],
            status=found.get("status") or "",
            payment_status=found["payment_status"],
            payment_failed=paying.get("status") in UNPAID_STATUSES,
            subtotal_cents=found.get("amount_subtotal") or 0,
            total_cents=found.get("amount_total") or 0,
            currency=found.get("currency") or "",
            customer_id=_id(found.get("customer")) or "",
            order_id=(found.get("metadata") or {}).get("order_id", ""),
            url=found.get("url") or "",
            livemode=found["livemode"],
            payment_intent=_id(intent),
            subscription_id=_id(found.get("subscription")),
            invoice_id=_id(found.get("invoice")),
            was_refunded=refunded > 0,
        )


@dataclass(frozen=True)
class Line:
    cents: int
    is_proration: bool


@dataclass(frozen=True)
class Invoice:
    id: str
    status: str
    reason: str
    currency: str
    paid_cents: int
    livemode: bool
    subscription_id: str | None
    order_id: str
    payment_intent: str | None
    payment_failed: bool
    lines: Sequence[Line]

    @classmethod
    def of(cls, found: Json) -> Invoice:
        details = (found.get("parent") or {}).get("subscription_details") or {}
        return cls(
            id=found["id"],
            status=found.get("status") or "",
            reason=found.get("billing_reason") or "",
            currency=found["currency"],
            paid_cents=found.get("amount_paid") or 0,
            livemode=found["livemode"],
            subscription_id=_id(details.get("subscription")),
            order_id=(details.get("metadata") or {}).get("order_id", ""),
            payment_intent=_paid_by(found),
            payment_failed=_failed(found),
            lines=[_line(line) for line in found["lines"]["data"]],
        )


@dataclass(frozen=True)
class Subscription:
    id: str
    status: str
    order_id: str
    livemode: bool
    period_ends_at: datetime | None
    cancels_at: datetime | None
    ended_at: datetime | None
    latest_invoice: str | None

    @classmethod
    def of(cls, found: Json) -> Subscription:
        items = found["items"]["data"]
        period_ends_at = _moment(items[0].get("current_period_end")) if items else None
        at_period_end = period_ends_at if found.get("cancel_at_period_end") else None
        return cls(
            id=found["id"],
            status=found["status"],
            order_id=(found.get("metadata") or {}).get("order_id", ""),
            livemode=found["livemode"],
            period_ends_at=period_ends_at,
            cancels_at=_moment(found.get("cancel_at")) or at_period_end,
            ended_at=_moment(found.get("ended_at")),
            latest_invoice=_id(found.get("latest_invoice")),
        )

    @property
    def is_over(self) -> bool:
        return self.status in OVER_STATUSES or self.ended_at is not None


@dataclass(frozen=True)
class Refund:
    id: str
    status: str
    cents: int
    payment_intent: str | None
    # Our own name for it, when we asked for it.
    return_id: str

    @classmethod
    def of(cls, found: Json) -> Refund:
        return cls(
            id=found["id"],
            status=found.get("status") or "",
            cents=found["amount"],
            payment_intent=_id(found.get("payment_intent")),
            return_id=(found.get("metadata") or {}).get("return_id", ""),
        )

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"

    @property
    def failed(self) -> bool:
        return self.status in ("failed", "canceled")


@dataclass(frozen=True)
class Dispute:
    id: str
    status: str
    cents: int
    payment_intent: str | None

    @classmethod
    def of(cls, found: Json) -> Dispute:
        return cls(found["id"], found["status"], found["amount"], _id(found.get("payment_intent")))

    @property
    def closed_unharmed(self) -> bool:
        return self.status in ("won", "warning_closed", "prevented")

    @property
    def lost(self) -> bool:
        """The money is gone then, whether or not we heard of its going."""
        return self.status == "lost"


@dataclass(frozen=True)
class Event:
    id: str
    type: str
    api_version: str
    livemode: bool
    about: Json

    @classmethod
    def of(cls, found: Json) -> Event:
        return cls(
            found["id"], found["type"], found.get("api_version") or "", found["livemode"], found["data"]["object"]
        )

    def id_of(self, field: str = "id") -> str:
        """The id under that field, or nothing: an event says where to look."""
        return _id(self.about.get(field)) or ""


def _id(found: Any) -> str | None:
    """Stripe gives an id, or the whole object where it was asked to."""
    return found["id"] if isinstance(found, Mapping) else found or None


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _line(found: Json) -> Line:
    item = (found.get("parent") or {}).get("subscription_item_details") or {}
    return Line(found["amount"], bool(item.get("proration")))


def _paid_by(invoice: Json) -> str | None:
    """Of several tries the one that was paid."""
    return next((_id(intent) for status, intent in _payments(invoice) if status == "paid"), None)


def _failed(invoice: Json) -> bool:
    """There was a try, and none is still on its way."""
    tries = [intent for _, intent in _payments(invoice) if isinstance(intent, Mapping)]
    return bool(tries) and all(intent["status"] in UNPAID_STATUSES for intent in tries)


def _payments(invoice: Json) -> list[tuple[str, Any]]:
    found = (invoice.get("payments") or {}).get("data") or []
    return [(paid["status"], (paid.get("payment") or {}).get("payment_intent")) for paid in found]
