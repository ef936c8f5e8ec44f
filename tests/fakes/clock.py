from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> None:
        self._now += timedelta(**by)
