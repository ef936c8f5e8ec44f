"""The channels of all accounts that have a tab open here. One look serves all tabs of an account.

It is taken when something about the account is told, and in rounds over all accounts, which notice what another process
changed. With many accounts a round takes longer, for it never takes more than its share of the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

from app.db import Database, DatabaseUnavailable
from app.edge.pulse import Reader, Readers
from app.edge.sse import COMMENT, frame
from app.events.looks import NOTHING, Look, Payments, look, news
from app.observability import logs
from app.streams.topics import Topics

log = logs.get("prome.channels")
ROUND_SECONDS = 3.0
# After each look the round rests this many times as long as that look took.
REST = 4


class Channel:
    """One account, and its open tabs."""

    def __init__(self, take: Callable[[], Awaitable[Look]]) -> None:
        self.now: Look | None = None
        self.tabs: set[Reader] = set()
        self._take, self._taking = take, asyncio.Lock()
        # How many have asked for a look, and how many of them have had it.
        self._asked = self._served = 0
        self._soon: set[asyncio.Task[None]] = set()
        self._is_stirred = False

    async def look(self) -> None:
        """What is seen is no older than this call. Those that ask while a look is taken share the next one."""
        self._asked += 1
        mine = self._asked
        async with self._taking:
            if self._served < mine:
                served = self._asked
                self._see(await self._take())
                self._served = served

    async def look_again(self) -> None:
        """When that fails the tabs stay as they are; the next round makes up for it."""
        try:
            await self.look()
        except DatabaseUnavailable:
            return
        except Exception as error:
            log.error("account_cannot_be_looked_at", exc_info=error)

    def stir(self) -> None:
        """Something has changed."""
        if not self._is_stirred:
            self._is_stirred = True
            task = asyncio.create_task(self._look_soon())
            self._soon.add(task)
            task.add_done_callback(self._soon.discard)

    async def _look_soon(self) -> None:
        self._is_stirred = False
        await self.look_again()

    def _see(self, now: Look) -> None:
        if now != self.now:
            self.now = now
            for tab in self.tabs:
                tab.wake()


class Channels:
    def __init__(self, db: Database, topics: Topics, readers: Readers, payments: Payments) -> None:
        self.open: dict[str, Channel] = {}
        self._db, self._topics, self._readers, self._payments = db, topics, readers, payments
        self._rounds: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._rounds = asyncio.create_task(self._go_round(), name="rounds of the channels")

    def stop(self) -> None:
        if self._rounds is not None:
            self._rounds.cancel()

    async def follow(self, user_id: str, sign_in_id: str, *, again: bool = False) -> AsyncGenerator[bytes]:
        """What one tab is told, until its session ends. Each tab counts for itself; one that was here before has
        missed something, which could be any of the latest.
        """
        number, before = 0, NOTHING if again else None
        with self._tab(user_id, sign_in_id) as (channel, tab):
            await channel.look()
            while not tab.gone:
                now, piece = channel.now, COMMENT
                if now is not None and now is not before:
                    frames = [frame(number + nth, *told) for nth, told in enumerate(news(before, now))]
                    number, before, piece = number + len(frames), now, b"".join(frames)
                elif not tab.silent:
                    await tab.sleep()
                    continue
                if piece:
                    yield piece
                    tab.sent()

    @contextmanager
    def _tab(self, user_id: str, sign_in_id: str) -> Iterator[tuple[Channel, Reader]]:
        channel, tab = self.open.get(user_id), Reader(sign_in_id)
        if channel is None:
            channel = self.open[user_id] = Channel(partial(look, self._db, user_id, self._payments))
            self._topics.follow(user_id, channel.stir)
        channel.tabs.add(tab)
        self._readers.enter(tab)
        try:
            yield channel, tab
        finally:
            self._readers.leave(tab)
            channel.tabs.discard(tab)
            if not channel.tabs:
                del self.open[user_id]
                self._topics.unfollow(user_id, channel.stir)

    async def _go_round(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            next_round = now() + ROUND_SECONDS
            for channel in list(self.open.values()):
                began = now()
                await channel.look_again()
                await asyncio.sleep(REST * (now() - began))
            await asyncio.sleep(max(0, next_round - now()))
