"""How far back reconcile has to look, so that nothing is missed and little is read twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

EVENTS_KEPT = timedelta(days=30)
# What Stripe is still trying to tell us is not lost yet, and may be by the time of the next look.
NEWS_TAKES = timedelta(days=3)


@dataclass
class LookedBack:
    """Who has never looked to the end, or not since it was started, looks as far back as Stripe keeps its events."""

    complete_at: datetime | None = None

    def by(self, now: datetime) -> timedelta:
        if self.complete_at is None:
            return EVENTS_KEPT
        return min(now - self.complete_at + NEWS_TAKES, EVENTS_KEPT)
