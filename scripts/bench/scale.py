"""How much is measured: as much as a figure needs, or just enough to see that the benchmark runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    rounds: int = 3
    # A burst, and a turn, go on for so long or for so many replies of each connection, whichever comes first.
    seconds: float = 2.0
    replies: int = 2000
    paced_streams: int = 200
    paced_tokens: int = 200


FULL = Scale()
TINY = Scale(rounds=1, seconds=0.2, replies=2, paced_streams=2, paced_tokens=20)
