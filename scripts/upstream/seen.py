"""What an upstream saw, for tests that ask how often it was called and when it was left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT = 10_000


@dataclass
class Record:
    """One call for a reply. Times are seconds of the monotonic clock of this machine."""

    number: int
    model: str
    fault: str
    body: dict[str, Any] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    # "finished" by us, "hung_up" by the client, "dropped" by us in the middle, "open" until one of them.
    ending: str = "open"

    def end(self, ending: str) -> None:
        """The first ending counts."""
        if self.ended_at is None:
            self.ending, self.ended_at = ending, time.monotonic()


class Seen:
    def __init__(self) -> None:
        self.calls = 0
        self.connections = 0
        self.records: deque[Record] = deque(maxlen=KEPT)
        self._by_fault: dict[str, int] = {}

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def call(self, model: str, fault: str, body: dict[str, Any], headers: dict[str, str]) -> Record:
        self.calls += 1
        self._by_fault[fault] = self._by_fault.get(fault, 0) + 1
        record = Record(self.calls, model, fault, body, headers)
        self.records.append(record)
        return record

    def is_first(self, fault: str) -> bool:
        return self._by_fault.get(fault) == 1

    def forget(self, fault: str) -> None:
        """The next time is the first again."""
        self._by_fault.pop(fault, None)

    def count(self, ending: str) -> int:
        return sum(record.ending == ending for record in self.records)

    def as_dict(self) -> dict[str, Any]:
        counts = {ending: self.count(ending) for ending in ("open", "finished", "hung_up", "dropped")}
        # What was said to us may hold a key, so headers stay here.
        records = [{**asdict(record), "headers": None} for record in list(self.records)[-100:]]
        return {"calls": self.calls, "connections": self.connections, **counts, "last": records}
