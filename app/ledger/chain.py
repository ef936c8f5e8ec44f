"""The chain: each entry's hash covers the entry and the hash before it, so no row can change without all later ones.

The canonical form is nine lines of UTF-8, joined by `\\n`: the word below, the hash before, and the entry's user id,
sequence, kind, tokens, balance after, reference and time (UTC, microseconds, `Z`). SHA-256 over that, in hex.
scripts/verify_statement.py does the same with nothing of ours.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

VERSION = "prome-ledger-1"
BEGINNING = "0" * 64


class Link(NamedTuple):
    """What a hash covers besides the one before it, in this order."""

    user_id: str
    sequence: int
    kind: str
    tokens: int
    balance_after: int
    reference: str
    created_at: datetime


def entry_hash(before: str, link: Link) -> str:
    lines = (VERSION, before, *link[:-1], as_text(link.created_at))
    return sha256("\n".join(map(str, lines)).encode()).hexdigest()


def as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
