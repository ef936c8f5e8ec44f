"""S10: workers are replaced one after the other behind a proxy, and whoever reads ends with the whole text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.chat.callers import EVENTS, STREAMS, Caller, calling
from tests.chat.strict import Event, events_of, require_grammar, text_of
from tests.command import Server
from tests.databases import Databases
from tests.fakes.upstream import text_of as upstream_text
from tests.figures import DEEP, figure
from tests.waiting import eventually
from tests.workers.house import House, house
from tests.workers.line import Line

READERS = 50 if DEEP else 10
WORDS = 150
# One worker has too little time for its replies, the other has enough.
DEADLINES = (1, 25)
# A reply that began so long ago has more to say than the first of them has time for.
JUST_NOW_SECONDS = 0.5


@pytest.fixture
def deployed(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if databases.kind != "postgres":
        pytest.skip("SQLite serves one worker.")
    folder = tmp_path_factory.mktemp("deployed")
    with house(folder, databases.fresh(folder), tokens=WORDS) as found:
        for seconds in DEADLINES:
            found.start(1, DRAIN_SECONDS=str(seconds), OPENAI_API_KEY=_key(seconds))
        yield found


def _key(deadline: int) -> str:
    """By which the upstream knows one worker from another."""
    return f"stops-within-{deadline}"


@pytest.fixture
def front(deployed: House) -> Iterator[Line]:
    with deployed.in_front() as line:
        yield line


@dataclass
class Reader:
    """What every client does, also our pages: ask again, read on, carry on."""

    caller: Caller
    # One that leaves when it hears of the deploy and comes back by the proxy, or one that stays as long as it may.
    leaves: bool
    texts: list[str] = field(default_factory=list)
    charged: list[int] = field(default_factory=list)
    resumed: int = 0
    carried_on: int = 0

    async def ask(self, leaving: asyncio.Event) -> None:
        text = ""
        body: dict[str, object] = {"message": "Go"}
        while True:
            events = await self._read(await self._asked(body, leaving))
            text += text_of(events)
            self.charged += [event.data["tokensUsed"] for event in events if event.name == "usage"]
            if events[-1].name == "done":
                break
            assert (events[-1].data["code"], events[-1].data["retryable"]) == ("draining", True)
            meta = events[0].data
            body = {"conversationId": meta["conversationId"], "parentId": meta["messageId"], "continue": True}
            self.carried_on += 1
        kept = await self._kept(events[0].data["conversationId"])
        assert (kept["status"], kept["content"]) == ("complete", text)
        assert text.endswith(upstream_text(WORDS))
        self.texts.append(text)

    async def _asked(self, body: dict[str, object], leaving: asyncio.Event) -> list[Event]:
        """As much as is read at first. A line that is cut before an answer says nothing, so the same is asked again."""
        named = {**EVENTS, "Idempotency-Key": uuid4().hex}
        while True:
            seen: list[Event] = []
            with suppress(httpx2.TransportError):
                async with self.caller.http.stream("POST", "/api/chat", json=body, headers=named) as reply:
                    if reply.status_code == 503:
                        await asyncio.sleep(float(reply.headers["Retry-After"]) / 4)
                        continue
                    assert reply.status_code == 200, await reply.aread()
                    async for event in events_of(reply):
                        seen.append(event)
                        if self.leaves and leaving.is_set() and len(seen) < WORDS / 2:
                            break
            if seen:
                return seen

    async def _kept(self, conversation_id: str) -> dict[str, Any]:
        while True:
            with suppress(httpx2.TransportError):
                return (await self.caller.messages(conversation_id))[-1]

    async def _read(self, seen: list[Event]) -> list[Event]:
        """On from the last event that was seen, wherever the proxy leads."""
        while seen[-1].name not in ("done", "error"):
            self.resumed += 1
            try:
                async with self.caller.following(seen[0].data["streamId"], seen[-1].id) as reply:
                    assert reply.status_code == 200, await reply.aread()
                    seen += [event async for event in events_of(reply)]
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
        require_grammar(seen)
        return seen


async def replaced(deployed: House, front: Line, old: Server, deadline: int) -> None:
    """A new one is started, no more is sent to the old one, and the old one is told to stop."""
    await asyncio.to_thread(deployed.start, 1)
    await eventually(lambda: is_at_work(deployed, _key(deadline)))
    front.targets = [
        int(worker.port) for worker in deployed.workers if worker is not old and worker.process.poll() is None
    ]
    code, seconds = await asyncio.to_thread(old.terminate)

    figure(f"S10: a worker with {deadline} s to stop is gone after", seconds, deadline + 2, "s")
    assert code == 0, old.log.read_text()
    assert "Traceback" not in old.log.read_text()


def is_at_work(deployed: House, key: str) -> bool:
    """Most readers have a reply that runs, and one of those the worker has only begun."""
    return deployed.fake.seen.count("open") >= READERS / 2 and any(
        record.ending == "open"
        and record.headers["authorization"] == f"Bearer {key}"
        and time.monotonic() - record.started_at < JUST_NOW_SECONDS
        for record in list(deployed.fake.seen.records)
    )


async def test_a_rolling_deploy_loses_nothing(deployed: House, front: Line) -> None:
    leaving, over = asyncio.Event(), asyncio.Event()
    first, second = deployed.workers

    async def keep_asking(reader: Reader) -> None:
        while not over.is_set():
            await reader.ask(leaving)

    async with deployed.somebody() as (caller, _), calling(f"http://127.0.0.1:{front.port}", caller.person) as anywhere:
        readers = [Reader(anywhere, leaves=number % 2 == 0) for number in range(READERS)]
        async with asyncio.TaskGroup() as asking:
            for reader in readers:
                asking.create_task(keep_asking(reader))
            await eventually(lambda: deployed.fake.seen.count("open") == READERS)
            leaving.set()
            await replaced(deployed, front, first, DEADLINES[0])
            await replaced(deployed, front, second, DEADLINES[1])
            over.set()
        balance = await anywhere.balance()
        listed = (await anywhere.get(STREAMS))["streams"]

    told = sorted(tokens for reader in readers for tokens in reader.charged)
    booked = await deployed.rows("SELECT -tokens AS tokens FROM ledger_entries WHERE kind = 'usage'")
    carried_on, resumed = (sum(getattr(reader, name) for reader in readers) for name in ("carried_on", "resumed"))
    answers = sum(len(reader.texts) for reader in readers)
    print(f"S10: {answers} answers, {resumed} times read on elsewhere, {carried_on} times carried on")  # noqa: T201
    assert sorted(row["tokens"] for row in booked) == told
    assert (balance["balance"], balance["held"]) == (1_000_000 - sum(told), 0)
    assert listed == []
    assert carried_on > 0
    assert resumed > 0
    await deployed.require_the_books_are_right()
