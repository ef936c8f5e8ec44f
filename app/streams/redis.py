"""The relay of many workers, by Redis or Valkey: a cache for replay and a way to be heard, and never in the way.

A worker's own readers read its own log. Frames go to Redis in batches some milliseconds after that; when it is slow,
gone or emptied, nothing waits for it, and what it lacks is written again when it is back. Each worker listens on one
connection, however many streams its readers follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from redis import asyncio as redis
from redis.exceptions import RedisError

from app.streams.ending import end
from app.streams.log import Log
from app.streams.relay import Heard
from app.streams.topics import MemoryTopics

BATCH_SECONDS = 0.01
AGAIN_SECONDS = 1.0
LOOK_SECONDS = 1.0
CALL_SECONDS_MAX = 2.0
LISTEN_SECONDS = 0.2
CLOSE_SECONDS_MAX = 5.0
SAID_MAX = 1000
FRAMES_AT_ONCE = 500
# What is shared of one stream at most; the rest of a reply that is longer is read from the database.
SHARED_BYTES_MAX = 4 * 1024 * 1024
# Of a stream that ended while Redis was away; whoever comes later reads it from the database.
KEPT_SECONDS_MAX = 60.0
NEWS, STOP, STREAM = "prome:news", "prome:stop", "prome:stream:"
# No frame is empty, so this says that there are no more.
END = b""
# Adds frames behind those that should be there already, or nothing: a reader never sees a log with a hole.
APPEND = """
if ARGV[1] == '0' then redis.call('DEL', KEYS[1]) end
if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
redis.call('RPUSH', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', KEYS[1], '')
return 1
"""
TROUBLE = (RedisError, OSError, asyncio.TimeoutError)


@dataclass(eq=False, slots=True)
class Shared:
    """One of our logs, and how much of it is written there."""

    stream_id: str
    log: Log
    written: int = 0
    size: int = 0
    closed_at: float | None = None

    @property
    def key(self) -> str:
        return STREAM + self.stream_id

    @property
    def is_new(self) -> bool:
        """Whether there is something that is not there yet."""
        return self.written < len(self.log.frames) or self.log.closed

    def due(self) -> list[bytes]:
        frames = self.log.frames[self.written : self.written + FRAMES_AT_ONCE]
        is_last = self.log.closed and self.written + len(frames) == len(self.log.frames)
        return [*frames, END] if is_last else frames


@dataclass(eq=False, slots=True)
class Mirror:
    """A log of ours that grows as one in another worker does."""

    key: str
    log: Log
    news: asyncio.Event = field(default_factory=asyncio.Event)


class RedisTopics(MemoryTopics):
    """Told here, heard everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.untold: set[str] = set()
        self.wake: Heard | None = None

    def tell(self, topic: str) -> None:
        super().tell(topic)
        self.untold.add(topic)
        if self.wake is not None:
            self.wake(topic)


class RedisRelay:
    def __init__(self, url: str, topics: RedisTopics, retention_seconds: int, warn: Heard) -> None:
        self._redis = redis.from_url(
            url, socket_timeout=CALL_SECONDS_MAX, socket_connect_timeout=CALL_SECONDS_MAX, health_check_interval=15
        )
        self._topics, self._retention_ms = topics, max(1, retention_seconds) * 1000
        self._changed: dict[str, Shared] = {}
        self._said: list[tuple[str, str]] = []
        self._mirrors: dict[str, set[Mirror]] = {}
        self._something = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._away, self._warn = False, warn

    async def open(self, *, on_stop: Heard) -> None:
        """Does not wait for Redis: without it everything but reading across workers goes on."""
        self._topics.wake = lambda _topic: self._something.set()
        self._heard: dict[str, Heard] = {NEWS: lambda topic: MemoryTopics.tell(self._topics, topic), STOP: on_stop}
        self._keep(self._write_for_ever())
        self._keep(self._listen_for_ever())

    async def close(self) -> None:
        await end(self._tasks)
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX), aclosing(self._redis):
                await self._write()
        except TROUBLE:
            self._is_away()

    def share(self, stream_id: str, log: Log) -> None:
        shared = Shared(stream_id, log)
        log.watch(partial(self._note, shared))
        self._note(shared)

    @contextmanager
    def mirrored(self, stream_id: str, log: Log) -> Iterator[None]:
        mirror = Mirror(STREAM + stream_id, log)
        self._mirrors.setdefault(mirror.key, set()).add(mirror)
        filling = self._keep(self._fill(mirror))
        try:
            yield
        finally:
            filling.cancel()
            self._mirrors[mirror.key].discard(mirror)
            if not self._mirrors[mirror.key]:
                del self._mirrors[mirror.key]

    def ask_to_stop(self, stream_id: str) -> None:
        self._say(STOP, stream_id)

    def _say(self, channel: str, what: str) -> None:
        del self._said[:-SAID_MAX]
        self._said.append((channel, what))
        self._something.set()

    def _note(self, shared: Shared) -> None:
        if shared.size <= SHARED_BYTES_MAX:
            self._changed[shared.stream_id] = shared
            self._something.set()

    async def _write_for_ever(self) -> None:
        while True:
            await self._something.wait()
            await asyncio.sleep(BATCH_SECONDS)
            self._something.clear()
            try:
                await self._write()
            except TROUBLE:
                self._is_away()
                await asyncio.sleep(AGAIN_SECONDS)
                self._something.set()

    async def _write(self) -> None:
        """All that is new of everything, in one round trip. What fails stays noted."""
        self._forget_old()
        batch = [(shared, shared.due()) for shared in self._changed.values()]
        topics, said = list(self._topics.untold), list(self._said)
        async with self._redis.pipeline(transaction=False) as pipe:
            for shared, frames in batch:
                if frames:
                    pipe.eval(APPEND, 1, shared.key, shared.written, self._retention_ms, *frames)
                else:
                    pipe.echo("")
            for channel, what in [*((NEWS, topic) for topic in topics), *said]:
                pipe.publish(channel, what)
            answers = await pipe.execute()
        self._topics.untold.difference_update(topics)
        del self._said[: len(said)]
        for (shared, frames), answer in zip(batch, answers, strict=False):
            self._written(shared, frames, is_there=bool(answer) or not frames)
        self._is_back()

    def _written(self, shared: Shared, frames: list[bytes], *, is_there: bool) -> None:
        """Where something was lost, all of it is written again."""
        shared.written = shared.written + len(frames) if is_there else 0
        shared.size = shared.size + sum(map(len, frames)) if is_there else 0
        if shared.size > SHARED_BYTES_MAX:
            del self._changed[shared.stream_id]
            return
        if not is_there or (shared.is_new and frames[-1:] != [END]):
            self._something.set()
            return
        del self._changed[shared.stream_id]

    def _forget_old(self) -> None:
        now = asyncio.get_running_loop().time()
        for shared in list(self._changed.values()):
            if shared.log.closed:
                shared.closed_at = shared.closed_at or now
                if now - shared.closed_at > KEPT_SECONDS_MAX:
                    del self._changed[shared.stream_id]

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except TROUBLE:
                self._is_away()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(NEWS, STOP)
            following: set[str] = set()
            while True:
                following = await self._follow_along(pubsub, following)
                message = await pubsub.get_message(timeout=LISTEN_SECONDS)
                if message is not None:
                    self._hear(message["channel"].decode(), message["data"])

    async def _follow_along(self, pubsub: redis.client.PubSub, following: set[str]) -> set[str]:
        """What was said before we listened has to be looked for once."""
        wanted = set(self._mirrors)
        if wanted - following:
            await pubsub.subscribe(*(wanted - following))
            for key in wanted - following:
                _wake(self._mirrors.get(key, set()))
        if following - wanted:
            await pubsub.unsubscribe(*(following - wanted))
        return wanted

    def _hear(self, channel: str, data: bytes) -> None:
        if channel in self._heard:
            self._heard[channel](data.decode())
        else:
            _wake(self._mirrors.get(channel, set()))

    async def _fill(self, mirror: Mirror) -> None:
        """Looks now and then without being told, because a message may be lost."""
        while True:
            try:
                if await self._copy(mirror):
                    return
            except TROUBLE:
                self._is_away()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await mirror.news.wait()
            except TimeoutError:
                continue
            mirror.news.clear()

    async def _copy(self, mirror: Mirror) -> bool:
        """Whether all of it is there now. While it is written anew, it may be shorter than what we have."""
        while True:
            have = len(mirror.log.frames)
            frames: list[Any] = await self._redis.lrange(mirror.key, have, have + FRAMES_AT_ONCE - 1)
            # Meanwhile it may have grown by what somebody read in the database.
            known = len(mirror.log.frames) - have
            if END in frames:
                mirror.log.append(*frames[known : frames.index(END)])
                return True
            if not frames:
                return False
            mirror.log.append(*frames[known:])

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _is_away(self) -> None:
        if not self._away:
            self._away = True
            self._warn("redis_is_away")

    def _is_back(self) -> None:
        if self._away:
            self._away = False
            self._warn("redis_is_back")


def _wake(mirrors: set[Mirror]) -> None:
    for mirror in mirrors:
        mirror.news.set()
