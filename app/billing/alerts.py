"""What a person has to look at: a line in the log to read, and a count that an alarm can be set on."""

from __future__ import annotations

from typing import Any, Literal, get_args

from app.observability import logs
from app.observability.metrics import Metrics

Kind = Literal[
    "session_does_not_fit",  # Not what we asked for: not sold, or paid and not granted.
    "invoice_does_not_fit",
    "event_unmatched",  # Stripe tells of something that no order of ours knows.
    "plan_without_order",
    "event_given_up",  # Could not be handled for days.
    "event_of_other_mode",  # A test event at a live shop, or the other way round.
    "event_of_other_version",
    "paid_for_closed_account",
    "disputed",
    "payments_difference",  # What reconcile cannot put right by itself.
]
KINDS: tuple[Kind, ...] = get_args(Kind)
log = logs.get("prome.billing")


class Alerts:
    def __init__(self, metrics: Metrics) -> None:
        """Each kind begins at nought, so that its first time is seen to be more than before."""
        self._counts = {kind: metrics.payment_alerts.labels(kind) for kind in KINDS}

    def tell(self, kind: Kind, **about: Any) -> None:
        log.error(kind, **about)
        self._counts[kind].inc()
