"""How much is measured: as much as a figure needs, or just enough to see that the benchmark runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Scale:
    rounds: int = 3
    warm_ups: int = 1
    # A burst, and a turn, go on for so long or for so many replies of each connection, whichever comes first.
    seconds: float = 2.0
    replies: int = 2000
    paced_streams: int = 200
    paced_tokens: int = 200
    # Streams begin one after another, as people do.
    spread_seconds: float = 1.0
    first_token_streams: Sequence[int] = (1, 50, 500)
    open_streams: Sequence[int] = (1000, 5000, 10_000)
    # How long lateness is watched when all are open.
    watch_seconds: float = 4.0
    # So many streams, and the milliseconds between the tokens of each.
    crowds: Sequence[tuple[int, int]] = ((1000, 20), (2000, 50), (5000, 50))
    crowd_seconds: float = 10.0
    # The messages of three people in a database of so many entries, and how often a page is asked for.
    grown_messages: Sequence[int] = (10, 1000, 100_000)
    grown_entries: int = 1_000_000
    pages: int = 100
    # The commands of gateways, where there are any.
    gateways: Mapping[str, Path] = field(default_factory=dict)


FULL = Scale()
TINY = Scale(
    rounds=1,
    warm_ups=0,
    seconds=0.2,
    replies=2,
    paced_streams=2,
    paced_tokens=20,
    spread_seconds=0.1,
    first_token_streams=(1, 2),
    open_streams=(2, 4),
    watch_seconds=0.2,
    crowds=((2, 20),),
    crowd_seconds=3.0,
    grown_messages=(10, 40),
    grown_entries=2000,
    pages=5,
)
