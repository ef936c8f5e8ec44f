"""The chunks of a reply are alike but for their words. What one of them has shown, the others need no parser for."""

from __future__ import annotations

import re

import orjson

# No line begins with its own end.
NEVER = b"\n"
# A chunk with a token takes a tenth of it; to look through more would hold up the others.
LINE_BYTES_MAX = 4096
LITERAL = re.compile(rb'"content": ?"((?:[^"\\]|\\.)*)"')
TRIED = "a word that nobody says"


class Mould:
    """What stands before and after the words, byte for byte. Until a line has shown it, no line fits."""

    __slots__ = ("after", "before")

    def __init__(self) -> None:
        self.before, self.after = NEVER, b""

    def take(self, line: bytes) -> None:
        """From a line with words: its mould is what gives other words when other words are put into it."""
        place = LITERAL.search(line, 0, LINE_BYTES_MAX)
        if place is None:
            return
        before, after = line[: place.start(1)], line[place.end(1) :]
        try:
            found = orjson.loads(b"%b%b%b" % (before[5:], TRIED.encode(), after))
            choice = found["choices"][0]
            if choice["delta"]["content"] == TRIED and not choice.get("finish_reason") and not found.get("usage"):
                self.before, self.after = before, after
        except (ValueError, TypeError, LookupError):
            return

    def words(self, lines: list[bytes]) -> list[str] | None:
        """Of lines that fit; nothing when one of them is not quite what it seems and wants the parser."""
        start, end = len(self.before), -len(self.after)
        words = [line[start:end] for line in lines]
        joined = b'","'.join(words)
        try:
            # A backslash at the end of a word would join it with the next.
            if b"\\" in joined:
                texts: list[str] = [orjson.loads(b'"%b"' % word) for word in words]
            else:
                texts = orjson.loads(b'["%b"]' % joined)
        except ValueError:
            return None
        is_plain = len(texts) == len(lines) and all(texts) and b"\\u0000" not in joined
        return texts if is_plain else None
