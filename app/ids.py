"""Identifiers that sort by time and say what they name: `usr_01kb3m…`."""

from __future__ import annotations

import os
import time

# Crockford's alphabet: no letter that can be mistaken for a digit, and its order is the order of the characters.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
SHIFTS = range(120, -1, -10)
TIME_BITS, RANDOM_BITS = 48, 82
RANDOM_BYTES = 11
BYTES_AT_ONCE = 128 * RANDOM_BYTES


def new_id(prefix: str, *, now_ms: int | None = None) -> str:
    """48 bits of milliseconds, then 82 random bits: ids of one millisecond do not collide, later ones sort later."""
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    number = (milliseconds & ((1 << TIME_BITS) - 1)) << RANDOM_BITS | _random() & ((1 << RANDOM_BITS) - 1)
    return f"{prefix}_" + "".join([PAIRS[number >> shift & 1023] for shift in SHIFTS])


def _random() -> int:
    """From bytes that were fetched many at once: to ask the system for each id takes longer than all the rest of it."""
    try:
        piece = _ahead.pop()
    except IndexError:
        fetched = os.urandom(BYTES_AT_ONCE)
        pieces = [fetched[at : at + RANDOM_BYTES] for at in range(0, BYTES_AT_ONCE, RANDOM_BYTES)]
        piece = pieces.pop()
        _ahead.extend(pieces)
    return int.from_bytes(piece)


# Taken from by one operation that no other thread gets between; a forked process fetches its own.
_ahead: list[bytes] = []
os.register_at_fork(after_in_child=_ahead.clear)
