"""Many connections read one log, each at its own pace, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx2
import psutil
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import Route

from app.edge.pulse import Readers
from app.edge.sse import COMMENT
from tests.edge.hall import KIB, Hall, Impatient
from tests.figures import figure
from tests.live import serve
from tests.waiting import WAIT_SECONDS_MAX, eventually, soon

# More than the sockets of both sides take.
MUCH = 24 * KIB * KIB
FROZEN, NORMAL = 20, 5
WRITING_CPU_SECONDS_MAX = 5


@pytest_asyncio.fixture
async def hall() -> AsyncIterator[Hall]:
    strangers: set[str] = set()

    async def may_read(owners: set[str]) -> set[str]:
        return owners - strangers

    readers = Readers(may_read, silence_seconds_max=1.5)
    hall = Hall(readers, strangers=strangers)
    readers.start()
    async with serve(Starlette(routes=[Route("/", hall.answer)]), protocol=Impatient) as hall.url:
        yield hall
        hall.log.close()
        readers.stop()


async def test_a_reader_gets_what_is_there_and_what_comes(hall: Hall) -> None:
    hall.log.append(b"one ", b"two ")

    async with hall.reading() as pieces:
        first = await anext(pieces)
        hall.log.append(b"three ")
        second = await anext(pieces)
        hall.log.close()
        rest = [piece async for piece in pieces]

    assert (first, second, rest) == (b"one two ", b"three ", [])
    await eventually(lambda: (hall.entered, hall.left) == (1, 1))
    assert hall.readers.open == set()


async def test_each_reader_has_its_own_position(hall: Hall) -> None:
    hall.log.append(b"one ", b"two ", b"three")
    hall.log.close()

    read = await asyncio.gather(*(hall.all_of_it(**{"from": str(start)}) for start in range(4)))

    assert read == [b"one two three", b"two three", b"three", b""]


async def test_a_position_that_is_not_there_yet_is_waited_for(hall: Hall) -> None:
    async with hall.reading(**{"from": "2"}) as pieces:
        await eventually(lambda: hall.entered == 1)
        hall.log.append(b"one ")
        hall.log.append(b"two ")
        hall.log.append(b"three ")
        first = await anext(pieces)
        hall.log.close()
        rest = [piece async for piece in pieces]

    assert (first, rest) == (b"three ", [])


async def test_the_writer_never_waits(hall: Hall) -> None:
    async with hall.frozen() as pieces:
        await pieces.read(1)
        began = time.process_time()
        for _ in range(MUCH // KIB):
            hall.log.append(b"x" * KIB)
            # The reader's turn.
            await asyncio.sleep(0)
        took = time.process_time() - began

        assert hall.behind == 1
        assert len(hall.log.frames) == MUCH // KIB
        # Of both sides of the line; a writer that does more, the more there is, takes minutes.
        assert took <= WRITING_CPU_SECONDS_MAX


async def test_who_takes_nothing_is_cut_off_and_the_others_notice_nothing(hall: Hall) -> None:
    frames = [b"%07d" % number + b"x" * (64 * KIB - 7) for number in range(MUCH // (64 * KIB))]
    hall.log.append(*frames)
    before = psutil.Process().memory_info().rss
    stopped = [hall.frozen() for _ in range(FROZEN)]
    for connection in stopped:
        await connection.__aenter__()
    await eventually(lambda: hall.behind == FROZEN)
    began = time.monotonic()
    grown = (psutil.Process().memory_info().rss - before) / FROZEN / KIB

    reading = [asyncio.create_task(hall.all_of_it()) for _ in range(NORMAL)]
    gaps = await gaps_of_a_live_reader(hall, len(frames), 2.5)
    await eventually(lambda: hall.left >= FROZEN)
    gone = time.monotonic() - began
    hall.log.close()
    read = await asyncio.gather(*reading)
    for connection in stopped:
        await connection.__aexit__(None, None, None)

    figure("S6: frozen readers are gone after", gone, 5, "s")
    figure("S6: the longest gap of a live reader beside them", max(gaps) * 1000, 250, "ms")
    # Both sides of the sockets are in this process.
    assert grown <= 512
    whole = b"".join(hall.log.frames)
    assert [piece == whole for piece in read] == [True] * NORMAL


async def gaps_of_a_live_reader(hall: Hall, start: int, seconds: float) -> list[float]:
    """Reads small frames as they are written; the seconds from each to its reading."""
    gaps, end = [], time.monotonic() + seconds
    async with hall.reading(**{"from": str(start)}) as pieces:
        while time.monotonic() < end:
            written = time.monotonic()
            hall.log.append(b"tick")
            await anext(pieces)
            gaps.append(time.monotonic() - written)
            await asyncio.sleep(0.02)
    return gaps


async def test_a_slow_reader_that_takes_a_little_now_and_then_gets_all_of_it(hall: Hall) -> None:
    hall.log.append(*[b"y" * 64 * KIB] * 64)
    hall.log.close()
    size = 0

    async with hall.reading() as pieces:
        async for piece in pieces:
            size += len(piece)
            await asyncio.sleep(0.01)

    assert size == 64 * 64 * KIB


async def test_whoever_falls_behind_and_catches_up_while_the_log_grows_gets_every_byte_in_order(hall: Hall) -> None:
    """At every change the reader is either passed the news at once, or has to be sent what it could not take."""
    frames = [b"%07d" % number + b"x" * (64 * KIB - 7) for number in range(MUCH // (64 * KIB))]
    half, read = len(frames) // 2, bytearray()

    async with hall.reading() as pieces:
        for first in (0, half):
            for frame in frames[first : first + half]:
                hall.log.append(frame)
            await eventually(lambda: hall.behind > 0)
            while len(read) < (first + half) * 64 * KIB:
                read += await anext(pieces)
            hall.log.append(b"caught up")
            assert await anext(pieces) == b"caught up"
        hall.log.close()
        assert [piece async for piece in pieces] == []

    assert read == b"".join(frames)


async def test_silence_is_broken_by_a_comment_and_only_where_there_are_comments(hall: Hall) -> None:
    async with hall.reading() as events, hall.reading(**{"as": "text/plain"}) as words:
        hall.log.append(b"one ")
        assert [await anext(events), await anext(words)] == [b"one ", b"one "]
        async with soon():
            comment = await anext(events)
        hall.log.append(b"two ")
        hall.log.close()
        rest = [b"".join([piece async for piece in pieces]) for pieces in (events, words)]

    assert comment == COMMENT
    assert [piece.replace(COMMENT, b"") for piece in rest] == [b"two ", b"two "]
    assert COMMENT not in rest[1]


async def test_who_may_not_read_any_more_is_dismissed_and_nobody_else(hall: Hall) -> None:
    hall.log.append(b"one ")
    async with hall.reading(owner="ann") as hers, hall.reading(owner="bob") as his:
        assert [await anext(hers), await anext(his)] == [b"one "] * 2
        hall.strangers.add("bob")
        async with soon():
            rest = b"".join([piece async for piece in his])
        hall.log.append(b"two ")
        hall.log.close()
        more = b"".join([piece async for piece in hers])

    assert rest.replace(COMMENT, b"") == b""
    assert more.replace(COMMENT, b"") == b"two "


async def test_when_the_server_stops_no_piece_of_bare_text_passes_for_the_whole(hall: Hall) -> None:
    hall.log.append(b"one ")
    cut = False

    async with hall.reading() as events, hall.reading(**{"as": "text/plain"}) as words:
        assert [await anext(events), await anext(words)] == [b"one "] * 2
        hall.readers.stop()
        rest = [piece async for piece in events]
        try:
            await anext(words)
        except httpx2.RemoteProtocolError:
            cut = True

    assert (rest, cut) == ([], True)


async def test_who_comes_while_the_server_stops_is_dismissed_too(hall: Hall) -> None:
    """The doors close a moment later; nobody may wait behind them for what never comes."""
    hall.log.append(b"one ")
    hall.readers.stop()

    async with soon():
        assert await hall.all_of_it() == b""


async def test_what_has_ended_is_read_to_its_end_though_the_server_stops(hall: Hall) -> None:
    async with hall.frozen() as reader:
        hall.log.append(b"x" * MUCH, b"y" * 32 * KIB, b"the end")
        hall.log.close()
        await eventually(lambda: hall.behind > 0)
        hall.readers.stop()
        everything = await reader.read(-1)

    assert everything.count(b"x") >= MUCH
    assert b"the end" in everything[-64:]


async def test_who_leaves_is_forgotten(hall: Hall) -> None:
    hall.log.append(b"one ")
    async with hall.reading() as pieces:
        await anext(pieces)

    await eventually(lambda: hall.left == 1)
    assert hall.readers.open == set()


async def test_who_has_left_before_the_answer_begins_is_forgotten_as_well(hall: Hall) -> None:
    hall.is_late = True
    async with hall.frozen():
        await eventually(lambda: hall.asked == 1)

    await eventually(lambda: hall.left == 1)
    assert hall.readers.open == set()


@pytest.mark.parametrize("last", [(), (b"two ",)])
async def test_a_log_that_broke_off_breaks_off_for_its_readers(hall: Hall, last: tuple[bytes, ...]) -> None:
    hall.log.append(b"one ")
    seen, broken = [], False

    async with hall.reading(**{"as": "text/plain"}) as pieces:
        seen.append(await anext(pieces))
        hall.log.close(*last, broken=True)
        try:
            seen += [piece async for piece in pieces]
        except httpx2.RemoteProtocolError:
            broken = True

    assert broken
    # Bytes that were read before the line broke may be lost with it.
    assert seen[0] == b"one "


async def test_the_last_events_and_the_end_of_the_answer_are_one_write(hall: Hall) -> None:
    hall.log.append(b"one ")
    async with hall.frozen() as reader:
        await eventually(lambda: hall.entered == 1)
        hall.log.append(b"two ")
        hall.log.close(b"three ", b"four")
        said = await reader.readuntil(b"0\r\n\r\n")

    assert said.endswith(b"\r\n4\r\none \r\n4\r\ntwo \r\na\r\nthree four\r\n0\r\n\r\n")


async def test_a_head_waits_for_no_end_and_is_no_reader(hall: Hall) -> None:
    async with httpx2.AsyncClient(timeout=WAIT_SECONDS_MAX) as http:
        answer = await http.head(hall.url)

    assert (answer.status_code, answer.headers["x-stream-id"], answer.content) == (200, "str_1", b"")
    assert hall.entered == 0
