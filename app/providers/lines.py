"""Where in a TOML file something stands, which its parser does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

HEADER = re.compile(r"\s*\[\[\s*[\w\"']+\s*\]\]")
KEY = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*=")


class Lines:
    """The lines of a file that is one list of tables, counted from 1."""

    def __init__(self, text: str) -> None:
        self._tables: list[tuple[int, dict[str, int]]] = []
        for number, line in _outside_of_long_texts(text):
            if HEADER.match(line):
                self._tables.append((number, {}))
            elif self._tables and (key := KEY.match(line)):
                self._tables[-1][1].setdefault(key[1], number)

    def of(self, table: int, key: str = "") -> int:
        """That of the key, or else that of its table."""
        # A list that is written in some other way is valid as well, and the top of the file must do for it.
        start, keys = self._tables[table] if table < len(self._tables) else (1, {})
        return keys.get(key, start)


def _outside_of_long_texts(text: str) -> Iterator[tuple[int, str]]:
    """Inside of one, a line that looks like a table is only words."""
    inside = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not inside:
            yield number, line
        for mark in re.findall(r"\"\"\"|'''", line):
            inside = mark if not inside else "" if inside == mark else inside
