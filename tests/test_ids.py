"""Ids that nobody meets twice, also when a process is forked."""

from __future__ import annotations

import os
import re

from app.ids import ALPHABET, IDS_AT_ONCE, new_id

SHAPE = re.compile(r"msg_[0-9a-hjkmnp-tv-z]{26}")
# So many that their random bytes are fetched more than once.
MANY = 3 * IDS_AT_ONCE


def test_ids_of_one_millisecond_are_all_different() -> None:
    ids = {new_id("msg", now_ms=1) for _ in range(MANY)}

    assert len(ids) == MANY
    assert all(SHAPE.fullmatch(one) for one in ids)


def test_later_ids_sort_later() -> None:
    ids = [new_id("msg", now_ms=milliseconds) for milliseconds in (0, 1, 31, 32, 1_800_000_000_000, 2**48 - 1)]

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_an_id_begins_with_its_time() -> None:
    for milliseconds in (0, 1, 1_800_000_000_000, 2**48 - 1):
        told = new_id("msg", now_ms=milliseconds).removeprefix("msg_")[:10]

        assert sum(ALPHABET.index(one) << 5 * place for place, one in enumerate(reversed(told))) == milliseconds << 2


def test_every_bit_of_an_id_is_used() -> None:
    seen = [set(column) for column in zip(*(new_id("msg", now_ms=1)[-16:] for _ in range(4 * MANY)), strict=True)]

    assert all(len(characters) == 32 for characters in seen)


def test_a_forked_process_has_ids_of_its_own() -> None:
    new_id("msg")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "\n".join(new_id("msg", now_ms=1) for _ in range(20)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 4096).decode().split("\n")
    os.close(reading)
    os.close(writing)

    assert len(theirs) == 20
    assert not set(theirs) & {new_id("msg", now_ms=1) for _ in range(20)}
