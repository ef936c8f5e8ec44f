"""O1: Postgres is stopped and started in the middle of replies. They go on, and each is booked once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.chat.callers import EVENTS, Caller, only
from tests.chat.strict import Event, read_all, text_of
from tests.fakes.upstream import text_of as upstream_text
from tests.figures import DEEP
from tests.own_postgres import OwnPostgres, Stop
from tests.waiting import eventually
from tests.workers.house import House, house

RESTARTS, STREAMS = (20, 20) if DEEP else (2, 5)
WORDS = 150
HOWS: tuple[Stop, Stop] = ("immediate", "fast")


@pytest.fixture(scope="module")
def postgres(own: OwnPostgres | None) -> OwnPostgres:
    if own is None:
        pytest.skip("It is about Postgres.")
    return own


@pytest.fixture(scope="module")
def over(postgres: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("over")
    with house(folder, postgres.databases.fresh(folder), tokens=WORDS) as found:
        found.start(2)
        yield found


@pytest_asyncio.fixture
async def callers(over: House) -> AsyncIterator[list[Caller]]:
    async with over.somebody() as callers:
        yield callers
    for worker in over.workers:
        assert "Traceback" not in worker.log.read_text(), worker.log.read_text()
    await over.require_the_books_are_right()


async def answered(caller: Caller, key: str) -> list[Event]:
    """As any client does that is told to come again. The key makes it one reply, however often it asks."""
    tries = 0
    while True:
        async with caller.asking("Go", {**EVENTS, "Idempotency-Key": f"{key}-{tries}"}) as reply:
            if reply.status_code == 200:
                events = await read_all(reply)
                if not cost_nothing(events):
                    return events
                tries += 1
            else:
                body = await reply.aread()
                assert (reply.status_code, b'"database_unavailable"' in body) == (503, True), body
                await asyncio.sleep(float(reply.headers["Retry-After"]) / 4)


def cost_nothing(events: list[Event]) -> bool:
    """The database was lost as it said that the question was written down; nobody was asked."""
    return [event.name for event in events] == ["meta", "error"] and events[-1].data["code"] == "interrupted"


async def require_all_was_booked_once(over: House, caller: Caller, replies: list[list[Event]]) -> None:
    """What was told is what was charged, for nothing twice, and every word of it came."""
    for reply in replies:
        assert only(reply, "done")["finishReason"] == "stop"
        assert text_of(reply) == upstream_text(WORDS)
    booked = await over.rows(
        "SELECT -tokens AS tokens FROM ledger_entries WHERE kind = 'usage' AND user_id = $1 ORDER BY tokens",
        caller.person.id,
    )
    told = sorted((only(reply, "usage")["tokensUsed"] for reply in replies), reverse=True)
    assert [row["tokens"] for row in booked] == told


async def test_replies_go_on_through_restarts(over: House, postgres: OwnPostgres, callers: list[Caller]) -> None:
    luck, enough = random.Random(1), asyncio.Event()
    replies: list[list[Event]] = []

    async def keep_asking(number: int) -> None:
        while not enough.is_set():
            key = f"{number}-{len(replies)}"
            replies.append(await answered(callers[number % 2], key))

    async with asyncio.TaskGroup() as asking:
        for number in range(STREAMS):
            asking.create_task(keep_asking(number))
        for number in range(RESTARTS):
            await eventually(lambda: over.fake.seen.count("open") > 0)
            await asyncio.sleep(luck.uniform(0.3, 2))
            await asyncio.to_thread(postgres.stop, HOWS[number % 2])
            await asyncio.sleep(luck.uniform(0, 0.5))
            await asyncio.to_thread(postgres.start)
        enough.set()

    print(f"O1: {len(replies)} replies through {RESTARTS} restarts")  # noqa: T201
    assert len(replies) >= STREAMS
    await require_all_was_booked_once(over, callers[0], replies)


async def test_while_it_is_away_replies_go_on_and_new_ones_are_refused(
    over: House, postgres: OwnPostgres, callers: list[Caller]
) -> None:
    here, there = callers
    calls = over.fake.seen.calls
    asking = [asyncio.create_task(answered(callers[number % 2], f"{number}")) for number in range(STREAMS)]
    await eventually(lambda: over.fake.seen.calls == calls + STREAMS)
    await asyncio.to_thread(postgres.stop, "immediate")
    try:
        refused, ready = await there.post("Go"), await there.http.get("/readyz")
        alive = await there.http.get("/healthz")
        # Their upstreams have said all, so what is left to do is to write it down.
        await eventually(lambda: over.fake.seen.count("open") == 0)
        ended = [task.done() for task in asking]
    finally:
        await asyncio.to_thread(postgres.start)
    replies = await asyncio.gather(*asking)
    await require_all_was_booked_once(over, here, [*replies])
    after = await here.post("Go")

    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert "database" in ready.json()["error"]
    assert alive.status_code == 200
    assert not any(ended), "Nobody is told the end before it is written down."
    assert after.status_code == 200
