"""Topics: somebody says that something changed, and whoever follows that topic wakes up and looks.

A topic carries no data. A follower that was away, or is slow, misses nothing: it always looks at what is true now.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Protocol


class Topics(Protocol):
    def tell(self, topic: str) -> None: ...
    def follow(self, topic: str) -> Follower: ...
    def follows(self, topic: str) -> bool: ...


class Follower:
    """`with topics.follow(…) as follower:`, then wait for news as often as you like."""

    def __init__(self, topics: MemoryTopics, topic: str) -> None:
        self._topics, self._topic, self._news = topics, topic, asyncio.Event()

    def __enter__(self) -> Follower:
        self._topics.followers[self._topic].add(self)
        return self

    def __exit__(self, *_: object) -> None:
        followers = self._topics.followers[self._topic]
        followers.discard(self)
        if not followers:
            del self._topics.followers[self._topic]

    def wake(self) -> None:
        self._news.set()

    async def wait(self, seconds_max: float) -> bool:
        """True when there was news; any number of changes meanwhile are one."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True


class MemoryTopics:
    """For one process."""

    def __init__(self) -> None:
        self.followers: defaultdict[str, set[Follower]] = defaultdict(set)

    def tell(self, topic: str) -> None:
        for follower in self.followers.get(topic, ()):
            follower.wake()

    def follow(self, topic: str) -> Follower:
        return Follower(self, topic)

    def follows(self, topic: str) -> bool:
        """Whether anybody does."""
        return topic in self.followers
