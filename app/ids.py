"""Identifiers that sort by time and say what they name: `usr_01kb3m…`."""

from __future__ import annotations

import secrets
import time

# Crockford's alphabet: no letter that can be mistaken for a digit, and its order is the order of the characters.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_BITS, RANDOM_BITS = 48, 82


def new_id(prefix: str, *, now_ms: int | None = None) -> str:
    """48 bits of milliseconds, then 82 random bits: ids of one millisecond do not collide, later ones sort later."""
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    number = (milliseconds & ((1 << TIME_BITS) - 1)) << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
    return f"{prefix}_" + "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
