from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """`text` stands exactly once in `file`, and `wrong` takes its place. Most faults show on either engine."""

    name: str
    file: str
    text: str
    wrong: str
    database: str = "sqlite"
