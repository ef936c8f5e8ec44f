"""Everything at once: workers are told to stop and killed, Redis and Postgres go away, and people ask, leave, come back
and stop all the while. Whatever happens, every word is paid for once and what was told is what was booked.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.chat.callers import ASYNC, EVENTS, JSON, STREAMS, URL, Caller, calling, newcomer
from tests.chat.strict import Event, Parser, require_grammar, text_of
from tests.chat.test_crash import recovered
from tests.command import Server, free_port
from tests.databases import Databases
from tests.fakes.upstream import text_of as upstream_text
from tests.figures import DEEP
from tests.waiting import eventually
from tests.workers.house import House, house
from tests.workers.line import Line
from tests.workers.postgres import OwnPostgres, own_postgres

PEOPLE, WORKERS, STORM_SECONDS = (24, 3, 600.0) if DEEP else (6, 2, 5.0)
WORDS = 120
# After the last trouble; a turn of a killed worker is ended within thirty.
QUIET_SECONDS_MAX = 90
TRY_AGAIN_SECONDS = 0.2
# What a reply says of itself that has not ended as it should.
CUT_SHORT = {"interrupted", "draining"}


@pytest.fixture(scope="module")
def postgres(databases: Databases) -> Iterator[OwnPostgres]:
    if databases.kind != "postgres":
        pytest.skip("SQLite serves one worker.")
    with own_postgres() as found:
        yield found


@pytest.fixture
def stormy(postgres: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("stormy")
    # What is read again when it is over is still in the form in which it was sent.
    lasting = {"DRAIN_SECONDS": "2", "STREAM_RETENTION_SECONDS": str(int(2 * STORM_SECONDS) + 600)}
    with house(folder, postgres.databases.fresh(folder), tokens=WORDS, **lasting) as found:
        found.start(WORKERS)
        yield found


@pytest.fixture
def front(stormy: House) -> Iterator[Line]:
    line = Line(stormy.backstage, free_port(), [int(worker.port) for worker in stormy.workers])
    line.mend()
    yield line
    line.cut()


@dataclass
class Asked:
    """One reply, as whoever asked for it has seen it."""

    text: str
    stream_id: str = ""
    seen: list[Event] = field(default_factory=list)
    # What was told of its bill, by a stream, in JSON or on stopping it.
    told: list[dict[str, Any]] = field(default_factory=list)


class Person:
    """Does what any client does: asks again by the same key, reads on where it was, and takes no for an answer."""

    def __init__(self, caller: Caller, luck: random.Random) -> None:
        self.caller, self.luck = caller, luck
        self.asked: list[Asked] = []
        self.troubles: Counter[str] = Counter()

    async def keep_asking(self, enough: asyncio.Event) -> None:
        manners = (self.read, self.leave_and_come_back, self.read_at_once, self.stop)
        while not enough.is_set():
            asked = Asked(f"ask {uuid4().hex}")
            await self.luck.choice(manners)(asked)
            self.asked.append(asked)

    async def read(self, asked: Asked) -> None:
        await self._ask_for_events(asked, cut_after=10**9)
        await self._read_to_the_end(asked)

    async def leave_and_come_back(self, asked: Asked) -> None:
        await self._ask_for_events(asked, cut_after=self.luck.randint(1, WORDS))
        await asyncio.sleep(self.luck.random())
        await self._read_to_the_end(asked)

    async def read_at_once(self, asked: Asked) -> None:
        answer = await self._insist("POST", URL, {"message": asked.text}, JSON, takes=(200,))
        body = answer.json()
        asked.stream_id = answer.headers["X-Stream-Id"]
        asked.told += [body["usage"]] if body.get("usage") else []

    async def stop(self, asked: Asked) -> None:
        answer = await self._insist("POST", URL, {"message": asked.text}, {**JSON, **ASYNC}, takes=(202,))
        asked.stream_id = answer.json()["streamId"]
        await asyncio.sleep(self.luck.random() * 2)
        for _ in range(2):
            answer = await self._insist("DELETE", f"{STREAMS}/{asked.stream_id}", None, JSON, takes=(200,))
            asked.told.append(answer.json())

    async def _insist(
        self, method: str, path: str, body: object, headers: dict[str, str], takes: tuple[int, ...]
    ) -> httpx2.Response:
        """Until it is done. The key makes it one reply, however often it is asked for."""
        named = {**headers, "Idempotency-Key": uuid4().hex}
        while True:
            with suppress(httpx2.TransportError):
                answer = await self.caller.http.request(method, path, json=body, headers=named)
                if answer.status_code in takes or _is_of_a_reply_cut_short(answer.json()):
                    return answer
                self._is_told_to_come_again(answer)
            await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def _ask_for_events(self, asked: Asked, cut_after: int) -> None:
        named = {**EVENTS, "Idempotency-Key": uuid4().hex}
        while not asked.seen:
            with suppress(httpx2.TransportError):
                async with self.caller.http.stream("POST", URL, json={"message": asked.text}, headers=named) as reply:
                    if reply.status_code == 200:
                        await self._take(asked, reply, cut_after)
                        continue
                    await reply.aread()
                    self._is_told_to_come_again(reply)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        asked.stream_id = asked.seen[0].data["streamId"]

    async def _read_to_the_end(self, asked: Asked) -> None:
        while asked.seen[-1].name not in ("done", "error"):
            with suppress(httpx2.TransportError):
                async with self.caller.following(asked.stream_id, asked.seen[-1].id) as reply:
                    if reply.status_code == 200:
                        await self._take(asked, reply, 10**9)
                        continue
                    await reply.aread()
                    self._is_told_to_come_again(reply)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        require_grammar(asked.seen)
        asked.told += [event.data for event in asked.seen if event.name == "usage"]

    async def _take(self, asked: Asked, reply: httpx2.Response, at_most: int) -> None:
        parser = Parser()
        async for data in reply.aiter_raw():
            asked.seen += parser.feed(data)
            if len(asked.seen) >= at_most:
                return

    def _is_told_to_come_again(self, answer: httpx2.Response) -> None:
        assert answer.status_code == 503, (answer.status_code, answer.content)
        assert "Retry-After" in answer.headers, answer.content
        as_events = answer.headers["content-type"].startswith("text/event-stream")
        body = Parser().feed(answer.content)[0].data if as_events else answer.json()
        self.troubles[body["code"]] += 1


def _is_of_a_reply_cut_short(body: dict[str, Any]) -> bool:
    return bool(body.get("streamId")) and body["code"] in CUT_SHORT


class Storm:
    def __init__(self, stormy: House, front: Line, postgres: OwnPostgres, luck: random.Random) -> None:
        self.house, self.front, self.postgres, self.luck = stormy, front, postgres, luck
        self.at_work = list(stormy.workers)
        self.stopped: list[Server] = []
        self.happened: Counter[str] = Counter()

    async def rage(self, seconds: float) -> None:
        troubles: list[Callable[[], Awaitable[None]]] = [
            *(self.a_worker_is_told_to_stop, self.a_worker_is_killed, self.redis_is_gone, self.redis_is_stuck),
            *(self.redis_is_slow, self.redis_is_emptied, self.redis_is_restarted),
            *(self.postgres_is_restarted, self.postgres_crashes),
        ]
        until = time.monotonic() + seconds
        left = list(troubles)
        while time.monotonic() < until:
            left = left or list(troubles)
            trouble = left.pop(self.luck.randrange(len(left)))
            await trouble()
            self.happened[trouble.__name__] += 1
            await asyncio.sleep(self.luck.uniform(0, 2))

    async def a_worker_is_told_to_stop(self) -> None:
        old = await self._replaced()
        await asyncio.to_thread(old.terminate)
        self.stopped.append(old)

    async def a_worker_is_killed(self) -> None:
        (await self._replaced()).process.kill()

    async def _replaced(self) -> Server:
        """A new one is there, and no more is sent to the old one."""
        old = self.at_work.pop(0)
        self.at_work += await asyncio.to_thread(self.house.start, 1)
        self.front.targets = [int(worker.port) for worker in self.at_work]
        return old

    async def redis_is_gone(self) -> None:
        await self._for_a_while(self.house.to_redis.cut)

    async def redis_is_stuck(self) -> None:
        await self._for_a_while(self.house.to_redis.hold)

    async def redis_is_slow(self) -> None:
        await self._for_a_while(lambda: setattr(self.house.to_redis, "delay_seconds", 0.5))

    async def _for_a_while(self, break_it: Callable[[], object]) -> None:
        await asyncio.to_thread(break_it)
        await asyncio.sleep(self.luck.uniform(0, 4))
        await asyncio.to_thread(self.house.to_redis.mend)

    async def redis_is_emptied(self) -> None:
        await asyncio.to_thread(self.house.valkey.client().flushall)

    async def redis_is_restarted(self) -> None:
        await asyncio.to_thread(self.house.valkey.stop)
        await asyncio.sleep(self.luck.uniform(0, 2))
        await asyncio.to_thread(self.house.valkey.start)

    async def postgres_is_restarted(self) -> None:
        await asyncio.to_thread(self.postgres.stop, "fast")
        await asyncio.to_thread(self.postgres.start)

    async def postgres_crashes(self) -> None:
        await asyncio.to_thread(self.postgres.stop, "immediate")
        await asyncio.sleep(self.luck.uniform(0, 2))
        await asyncio.to_thread(self.postgres.start)


async def test_a_storm_costs_nobody_a_token(stormy: House, front: Line, postgres: OwnPostgres) -> None:
    luck, enough = random.Random(7), asyncio.Event()
    storm = Storm(stormy, front, postgres, luck)
    url = f"http://127.0.0.1:{front.port}"
    someone = await newcomer(url)
    async with calling(url, someone) as caller:
        people = [Person(caller, random.Random(luck.random())) for _ in range(PEOPLE)]
        async with asyncio.TaskGroup() as asking:
            for person in people:
                asking.create_task(person.keep_asking(enough))
            await storm.rage(STORM_SECONDS)
            enough.set()
        await recovered(caller, QUIET_SECONDS_MAX)
        asked = [each for person in people for each in person.asked]
        for each in asked:
            await require_it_is_as_it_was_told(caller, each)
        balance = await caller.balance()

    troubles = sum((person.troubles for person in people), Counter[str]())
    print(f"{len(asked)} replies through {dict(storm.happened)}; told to come again: {dict(troubles)}")  # noqa: T201
    await require_all_was_paid_for_once(stormy, asked, balance)
    for worker in storm.stopped:
        assert worker.process.poll() == 0, worker.log.read_text()
    for worker in stormy.workers:
        assert "Traceback" not in worker.log.read_text(), worker.log.read_text()


async def require_it_is_as_it_was_told(caller: Caller, asked: Asked) -> None:
    whole = await caller.rejoin(asked.stream_id)
    kept, bills = text_of(whole), [event.data for event in whole if event.name == "usage"]
    end = whole[-1]
    assert upstream_text(WORDS).startswith(kept)
    assert (kept == upstream_text(WORDS)) or end.name == "error" or end.data["finishReason"] == "stopped", asked
    assert end.name == "done" or end.data["code"] in CUT_SHORT, end.data
    assert all(told["tokensUsed"] == bills[0]["tokensUsed"] for told in asked.told if bills), (asked.told, bills)
    assert bills or not any(told["tokensUsed"] for told in asked.told)
    asked.told = bills
    if asked.seen:
        assert asked.seen[-1].name == end.name
        assert upstream_text(WORDS).startswith(text_of(asked.seen))
        if end.name == "done":
            assert asked.seen == whole


async def require_all_was_paid_for_once(stormy: House, asked: list[Asked], balance: dict[str, Any]) -> None:
    await eventually(lambda: stormy.fake.seen.count("open") == 0)
    calls = Counter(record.body["messages"][-1]["content"] for record in stormy.fake.seen.records)
    booked = await stormy.rows("""
        SELECT turns.id, -tokens AS tokens FROM turns
        LEFT JOIN ledger_entries ON kind = 'usage' AND reference = hold_id
    """)
    told = {each.stream_id: sum(bill["tokensUsed"] for bill in each.told) for each in asked}
    assert {row["id"]: row["tokens"] or 0 for row in booked if row["id"] in told} == told
    assert [text for text, number in calls.items() if number > 1] == []
    assert (balance["balance"], balance["held"]) == (1_000_000 - sum(row["tokens"] or 0 for row in booked), 0)
    await stormy.require_the_books_are_right()
