"""Everything at once: workers are told to stop and killed, Redis and Postgres go away, and people ask, leave, come back
and stop all the while. Whatever happens, every word is paid for once and what was told is what was booked. On SQLite
the one worker there is goes and comes.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.chat.callers import Caller, calling, newcomer
from tests.chat.strict import text_of
from tests.chat.test_crash import recovered
from tests.command import Server
from tests.databases import Databases
from tests.fakes.upstream import text_of as upstream_text
from tests.figures import DEEP
from tests.own_postgres import OwnPostgres
from tests.waiting import WAIT_SECONDS_MAX, eventually
from tests.workers.house import House, house
from tests.workers.line import Line
from tests.workers.people import CUT_SHORT, Asked, Person

PEOPLE, WORKERS, STORM_SECONDS = (24, 3, 600.0) if DEEP else (6, 2, 5.0)
WORDS = 120
Trouble = Callable[[], Awaitable[None]]
# After the last trouble; a turn of a killed worker is ended within thirty.
QUIET_SECONDS_MAX = 90


@pytest.fixture
def stormy(databases: Databases, own: OwnPostgres | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("stormy")
    # What is read again when it is over is still in the form in which it was sent.
    lasting = {"DRAIN_SECONDS": "2", "STREAM_RETENTION_SECONDS": str(int(2 * STORM_SECONDS) + 600)}
    its = own.databases if own else databases
    with house(folder, its.fresh(folder), tokens=WORDS, **lasting) as found:
        found.start(WORKERS if own else 1)
        yield found


@pytest.fixture
def front(stormy: House) -> Iterator[Line]:
    with stormy.in_front() as line:
        yield line


class Storm:
    def __init__(self, stormy: House, front: Line, postgres: OwnPostgres | None, luck: random.Random) -> None:
        self.house, self.front, self.luck = stormy, front, luck
        self.at_work = list(stormy.workers)
        self.stopped: list[Server] = []
        self.happened: Counter[str] = Counter()
        self.has_many = postgres is not None
        self.troubles: list[Trouble] = [self.a_worker_is_told_to_stop, self.a_worker_is_killed]
        if postgres is not None:
            self.postgres = postgres
            self.troubles += [self.redis_is_gone, self.redis_is_stuck, self.redis_is_slow, self.redis_is_emptied]
            self.troubles += [self.redis_is_restarted, self.postgres_is_restarted, self.postgres_crashes]

    async def rage(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        left = list(self.troubles)
        while time.monotonic() < until:
            left = left or list(self.troubles)
            trouble = left.pop(self.luck.randrange(len(left)))
            await trouble()
            self.happened[trouble.__name__] += 1
            await asyncio.sleep(self.luck.uniform(0, 2))

    async def a_worker_is_told_to_stop(self) -> None:
        old = self.at_work[0]
        await self._replace(old.terminate)
        self.stopped.append(old)

    async def a_worker_is_killed(self) -> None:
        old = self.at_work[0].process
        await self._replace(lambda: (old.kill(), old.wait(WAIT_SECONDS_MAX)))

    async def _replace(self, end_it: Callable[[], object]) -> None:
        """Of many, the new one is there before the old one goes, which is sent no more; SQLite serves one at a time."""
        if not self.has_many:
            await asyncio.to_thread(end_it)
        self.at_work = [*self.at_work[1:], *await asyncio.to_thread(self.house.start, 1)]
        self.front.targets = [int(worker.port) for worker in self.at_work]
        if self.has_many:
            await asyncio.to_thread(end_it)

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


async def test_a_storm_costs_nobody_a_token(stormy: House, front: Line, own: OwnPostgres | None) -> None:
    luck, enough = random.Random(7), asyncio.Event()
    storm = Storm(stormy, front, own, luck)
    url = f"http://127.0.0.1:{front.port}"
    someone = await newcomer(url)
    async with calling(url, someone) as caller:
        people = [Person(caller, random.Random(luck.random()), WORDS) for _ in range(PEOPLE)]
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
    assert asked.content in (None, kept)
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
