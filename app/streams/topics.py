"""Topics: somebody says that something changed, and whoever follows that topic looks.

A topic carries no data, so any number of changes may be one to a follower: it always looks at what is true now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

Told = Callable[[], None]


class Topics(Protocol):
    def tell(self, topic: str) -> None: ...
    def follow(self, topic: str, told: Told) -> None: ...
    def unfollow(self, topic: str, told: Told) -> None: ...


class MemoryTopics:
    """For one process."""

    def __init__(self) -> None:
        self._followers: defaultdict[str, list[Told]] = defaultdict(list)

    def tell(self, topic: str) -> None:
        for told in self._followers.get(topic, ()):
            told()

    def follow(self, topic: str, told: Told) -> None:
        """Calls at every change, in the middle of it, until told otherwise."""
        self._followers[topic].append(told)

    def unfollow(self, topic: str, told: Told) -> None:
        """Not from within the call."""
        self._followers[topic].remove(told)
        if not self._followers[topic]:
            del self._followers[topic]
