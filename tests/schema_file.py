"""`prisma_like_schema.sql` as one engine reads it: lines below `-- [sqlite]` are for SQLite alone.

Likewise below `-- [postgres]`; the next mark ends a block, and `-- [end]` ends it for what is for both again.
"""

from __future__ import annotations

import re
from pathlib import Path

SCHEMA = Path(__file__).parents[1] / "prisma_like_schema.sql"
MARK = re.compile(r"--\s*\[(\w+)\]\s*$")
KINDS = ("sqlite", "postgres")


class BadMark(ValueError):
    """A block that nobody closes, or that is for no engine we know, would silently be left out."""


def for_engine(text: str, kind: str) -> str:
    """What this engine is to run, with every other line blank, so that line numbers stay what they are."""
    inside, kept = "", []
    for number, line in enumerate(text.splitlines(), start=1):
        mark = MARK.fullmatch(line.strip())
        if mark:
            inside = _after(mark[1], inside, number)
        kept.append(line if not mark and inside in {"", kind} else "")
    if inside:
        raise BadMark(f"The block for {inside} has no `-- [end]`.")
    return "\n".join(kept)


def _after(word: str, inside: str, number: int) -> str:
    if word == "end" and inside:
        return ""
    if word in KINDS and word != inside:
        return word
    raise BadMark(f"Line {number}: `-- [{word}]` does not belong here.")
