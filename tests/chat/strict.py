"""A strict reader of server-sent events, which also holds every stream it reads to the grammar."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2

TERMINAL = {"done", "error"}


@dataclass(frozen=True)
class Event:
    id: int
    name: str
    data: dict[str, Any]
    raw: bytes


class Parser:
    """Bytes in, events out. Only what the service promises is accepted: three fields in this order, `\\n` line ends."""

    def __init__(self) -> None:
        self.rest = b""
        self.comments = 0

    def feed(self, data: bytes) -> list[Event]:
        *blocks, self.rest = (self.rest + data).split(b"\n\n")
        return [event for block in blocks if (event := self._event(block)) is not None]

    def _event(self, block: bytes) -> Event | None:
        if block.startswith(b":"):
            assert b"\n" not in block
            self.comments += 1
            return None
        lines = block.split(b"\n")
        fields = [line.partition(b": ") for line in lines]
        assert [name for name, _, _ in fields] == [b"id", b"event", b"data"], block
        assert b"\r" not in block
        number, name, data = (value.decode() for _, _, value in fields)
        return Event(int(number), name, json.loads(data), block + b"\n\n")


def require_grammar(events: list[Event], *, first: int = 0, whole: bool = True) -> None:
    """`meta answer* usage? (done | error)`, numbered without gaps, nothing after the end."""
    assert [event.id for event in events] == list(range(first, first + len(events)))
    names = [event.name for event in events]
    order = {"meta": 0, "answer": 1, "usage": 2, "done": 3, "error": 3}
    assert names == sorted(names, key=order.__getitem__)
    for name in ("meta", "usage"):
        assert names.count(name) <= 1
    assert sum(name in TERMINAL for name in names) == (1 if whole else names[-1:].count("done"))
    if first == 0:
        assert names[0] == "meta"
    if whole and names[-1] == "done":
        answers = [event.data["finished"] for event in events if event.name == "answer"]
        assert answers == [False] * (len(answers) - 1) + [True] * bool(answers)
        assert first > 0 or "usage" in names


async def events_of(response: httpx2.Response) -> AsyncIterator[Event]:
    parser = Parser()
    async for data in response.aiter_raw():
        for event in parser.feed(data):
            yield event


async def read_all(response: httpx2.Response, *, first: int = 0) -> list[Event]:
    """To the end, in one piece, and held to the grammar."""
    parser, events = Parser(), []
    async for data in response.aiter_raw():
        events += parser.feed(data)
    assert parser.rest == b"", "The last event is not whole."
    require_grammar(events, first=first)
    return events


def text_of(events: list[Event]) -> str:
    return "".join(event.data["content"] for event in events if event.name == "answer")
