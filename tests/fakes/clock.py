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


class Stopwatch:
    """A clock of seconds that stands still as well."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
