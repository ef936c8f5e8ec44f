"""A log is written once, and read from any position by anybody."""

from __future__ import annotations

import asyncio

import pytest

from app.streams.log import CHUNK_BYTES_MAX, Log, next_change
from tests.waiting import soon


def read(log: Log, position: int) -> list[bytes]:
    pieces = []
    while position < len(log.frames):
        piece, position = log.chunk(position)
        pieces.append(piece)
    return pieces


@pytest.mark.parametrize("size", [1, 100, CHUNK_BYTES_MAX - 1, CHUNK_BYTES_MAX, 3 * CHUNK_BYTES_MAX])
def test_every_position_gets_exactly_what_follows_it(size: int) -> None:
    log = Log()
    frames = [bytes([65 + number % 26]) * size for number in range(40)]
    log.append(*frames)

    for position in range(41):
        assert b"".join(read(log, position)) == b"".join(frames[position:])


def test_what_is_behind_comes_in_one_piece_and_not_in_too_large_a_one() -> None:
    log = Log()
    log.append(*[b"x" * 100] * 1000)

    pieces = read(log, 0)

    assert len(pieces) == -(-100_000 // CHUNK_BYTES_MAX)
    assert max(map(len, pieces)) < CHUNK_BYTES_MAX + 100


def test_a_position_is_at_the_end_only_when_nothing_more_will_come() -> None:
    log = Log()
    log.append(b"one")

    before = [log.ended(position) for position in (0, 1, 2)]
    log.close()

    assert before == [False] * 3
    assert [log.ended(position) for position in (0, 1, 2)] == [False, True, True]


def test_who_watches_hears_of_every_change_until_it_looks_away() -> None:
    log, calls = Log(), []

    def look() -> None:
        calls.append((len(log.frames), log.closed))

    log.append(b"before")
    log.watch(look)
    log.append(b"one", b"two")
    log.unwatch(look)
    log.append(b"three")
    log.watch(look)
    log.close(broken=True)

    assert calls == [(3, False), (4, True)]
    assert log.broken


async def test_whoever_follows_misses_nothing() -> None:
    log = Log()
    seen: list[list[bytes]] = []

    async def follow() -> None:
        position, found = 0, []
        while not log.ended(position):
            if position == len(log.frames):
                await next_change(log)
                continue
            piece, position = log.chunk(position)
            found.append(piece)
        seen.append(found)

    async with soon():
        following = [asyncio.create_task(follow()) for _ in range(10)]
        for number in range(100):
            log.append(b"%d " % number)
            if number % 7 == 0:
                await asyncio.sleep(0)
        log.close()
        await asyncio.gather(*following)

    assert {b"".join(found) for found in seen} == {b"".join(log.frames)}
