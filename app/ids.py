"""Identifiers that sort by time and say what they name: `usr_01kb3m…`."""

from __future__ import annotations

import os
import time
from functools import lru_cache

# Crockford's alphabet: no letter that can be mistaken for a digit, and its order is the order of the characters.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
CHARACTER_OF_BYTE = bytes(ALPHABET[byte & 31].encode()[0] for byte in range(256))
TIME_SHIFTS = range(40, -1, -10)
TIME_BITS, RANDOM_CHARS = 48, 16
IDS_AT_ONCE = 128


def new_id(prefix: str, *, now_ms: int | None = None) -> str:
    """48 bits of milliseconds, then 80 random bits: ids of one millisecond do not collide, later ones sort later."""
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    try:
        random = _ahead.pop()
    except IndexError:
        random = _fetch()
    return f"{prefix}_{_time(milliseconds)}{random}"


@lru_cache(maxsize=2)
def _time(milliseconds: int) -> str:
    """Ten characters hold two bits more, which stay empty."""
    number = (milliseconds & ((1 << TIME_BITS) - 1)) << 2
    return "".join([PAIRS[number >> shift & 1023] for shift in TIME_SHIFTS])


def _fetch() -> str:
    """Many at once: to ask the system for each takes longer than all the rest of an id."""
    characters = os.urandom(IDS_AT_ONCE * RANDOM_CHARS).translate(CHARACTER_OF_BYTE).decode()
    pieces = [characters[at : at + RANDOM_CHARS] for at in range(0, len(characters), RANDOM_CHARS)]
    random = pieces.pop()
    _ahead.extend(pieces)
    return random


# Taken from by one operation that no other thread gets between; a forked process fetches its own.
_ahead: list[str] = []
os.register_at_fork(after_in_child=_ahead.clear)
