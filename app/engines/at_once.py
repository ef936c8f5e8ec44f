"""The same statement for many at once: each row says for whom it is, which who asked does not see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from app.engines.session import Row

STATEMENTS_MAX = 512
VALUE = re.compile(r"\$(\d+)")


class Placed:
    """A row without its last column, the place."""

    __slots__ = ("_row",)

    def __init__(self, row: Any) -> None:
        self._row = row

    def __getitem__(self, key: Any, /) -> Any:
        return self._row[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._row[:-1])

    def keys(self) -> list[str]:
        return list(self._row.keys())[:-1]


def only_looks(sql: str) -> bool:
    return sql.startswith(("SELECT", "\nSELECT"))


@lru_cache(maxsize=STATEMENTS_MAX)
def with_place(sql: str) -> str | None:
    """None for what is neither a plain look nor a plain write, which then goes alone."""
    text = sql.strip()
    verb = text.split(maxsplit=1)[0]
    place = f"${max(map(int, VALUE.findall(text)), default=0) + 1}::integer AS its_place"
    if only_looks(sql):
        return f"SELECT asked.*, {place} FROM ({text}) AS asked"
    if verb in ("INSERT", "UPDATE", "DELETE"):
        return f"{text}, {place}" if "RETURNING" in text else f"{text} RETURNING {place}"
    return None


def by_place(rows: Iterable[Any], places: int) -> list[list[Row]]:
    found: list[list[Row]] = [[] for _ in range(places)]
    for row in rows:
        found[row["its_place"]].append(Placed(row))
    return found
