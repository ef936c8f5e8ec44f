"""Two servers, one Postgres and one Valkey: any of them serves, rejoins and stops any stream."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.chat.callers import newcomer
from tests.chat.strict import Event, events_of, read_all, require_grammar, text_of
from tests.command import Command, Server
from tests.conftest import Person
from tests.fakes.upstream import FakeUpstream, upstream
from tests.test_draining import differences
from tests.valkeys import valkey

ASSETS = str(Path(__file__).parents[1] / "var")
TOKENS, GAP_SECONDS = 100, 0.02
TEST_SECONDS_MAX = 120
HEADERS = {"Accept": "text/event-stream"}


@pytest.fixture(autouse=True)
def only_on_postgres(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite serves one worker.")


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with upstream(tokens=TOKENS, gap_seconds=GAP_SECONDS) as fake:
        yield fake


@pytest.fixture
def two(tmp_path: Path, database_url: str, fake: FakeUpstream) -> Iterator[tuple[Server, Server]]:
    with valkey(tmp_path) as (redis_url, _), serving_two(tmp_path, database_url, fake, REDIS_URL=redis_url) as servers:
        yield servers


@contextmanager
def serving_two(
    folder: Path, database_url: str, fake: FakeUpstream, **settings: str
) -> Iterator[tuple[Server, Server]]:
    command = Command(
        folder,
        {
            "DATABASE_URL": database_url,
            "OPENAI_BASE_URL": fake.url,
            "OPENAI_MODEL": "fake",
            "ASSETS_DIR": ASSETS,
            "LOCAL_MODEL": "off",
            "TITLES": "off",
            **settings,
        },
    )
    with command.serving() as one, command.serving() as other:
        yield one, other


@dataclass
class Sides:
    """The same person at both servers."""

    here: httpx2.AsyncClient
    there: httpx2.AsyncClient


@pytest_asyncio.fixture
async def sides(two: tuple[Server, Server]) -> AsyncIterator[Sides]:
    async with both(two) as sides:
        yield sides


@asynccontextmanager
async def both(two: tuple[Server, Server]) -> AsyncIterator[Sides]:
    ann = await newcomer(two[0].url)
    async with asyncio.timeout(TEST_SECONDS_MAX), at(two[0], ann) as here, at(two[1], ann) as there:
        yield Sides(here, there)


@asynccontextmanager
async def at(server: Server, person: Person) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=server.url, headers={**person.headers, **HEADERS}, timeout=30) as client:
        yield client


async def some(stream: AsyncIterator[Event], number: int) -> list[Event]:
    seen = []
    async for event in stream:
        seen.append(event)
        if len(seen) == number:
            break
    return seen


async def test_a_stream_is_rejoined_live_at_another_worker(sides: Sides, fake: FakeUpstream) -> None:
    async with sides.here.stream("POST", "/api/chat", json={"message": "Go"}) as reply:
        path = reply.headers["Location"]
        seen = await some(events_of(reply), 5)
    began = time.monotonic()
    async with sides.there.stream("GET", path, headers={"Last-Event-ID": "4"}) as rejoined:
        rest = await read_all(rejoined, first=5)
    seconds = time.monotonic() - began
    async with sides.here.stream("GET", path) as again:
        whole = await read_all(again)

    assert seen + rest == whole
    assert len(rest) > 50, "It was read as it came, and not made up at its end."
    assert seconds < TOKENS * GAP_SECONDS + 5
    assert fake.seen.calls == 1


async def test_a_reply_is_stopped_from_another_worker(sides: Sides, fake: FakeUpstream, database_url: str) -> None:
    async with sides.here.stream("POST", "/api/chat", json={"message": "Go"}) as reply:
        stream = events_of(reply)
        seen = await some(stream, 5)
        usage = (await sides.there.delete(reply.headers["Location"])).json()
        seen += [event async for event in stream]

    require_grammar(seen)
    assert seen[-1].data["finishReason"] == "stopped"
    assert usage["tokensUsed"] == seen[-2].data["tokensUsed"] > 0
    assert len(text_of(seen)) > 0
    assert await differences(database_url) == []


async def test_one_key_at_two_workers_is_one_reply(sides: Sides, fake: FakeUpstream) -> None:
    key = {"Idempotency-Key": "once", "Accept": "application/json"}
    answers = await asyncio.gather(
        *(
            side.post("/api/chat", json={"message": "Go"}, headers=key)
            for side in (sides.here, sides.there)
            for _ in range(5)
        )
    )
    balance = (await sides.there.get("/api/billing/balance", headers={"Accept": "application/json"})).json()

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert fake.seen.calls == 1
    assert balance["balance"] == answers[0].json()["usage"]["balanceAfter"]


async def test_the_balance_of_one_worker_is_told_in_the_tab_of_another(sides: Sides) -> None:
    async with sides.there.stream("GET", "/api/events") as tab:
        lines = tab.aiter_lines()
        await line_with(lines, '"balance":1000')
        reply = await sides.here.post("/api/chat", json={"message": "Go", "maxTokens": 16})
        assert reply.status_code == 200
        await line_with(lines, '"held":0')


async def line_with(lines: AsyncIterator[str], words: str) -> str:
    async for line in lines:
        if words in line:
            return line
    raise AssertionError(f"The channel ended before it said {words}")


async def test_what_a_killed_worker_ran_is_ended_by_the_other(
    two: tuple[Server, Server], sides: Sides, database_url: str
) -> None:
    async with sides.here.stream("POST", "/api/chat", json={"message": "Go"}) as reply:
        path, stream = reply.headers["Location"], events_of(reply)
        seen = await some(stream, 40)
        two[0].process.send_signal(signal.SIGKILL)
    began = time.monotonic()
    async with sides.there.stream("GET", path, headers={"Last-Event-ID": str(seen[-1].id)}) as rejoined:
        rest = [event async for event in events_of(rejoined)]
    seconds = time.monotonic() - began

    require_grammar(seen + rest)
    assert rest[-1].data["code"] == "interrupted"
    assert seconds < 30
    assert await differences(database_url) == []


@asynccontextmanager
async def both_without_redis(tmp_path: Path, database_url: str, fake: FakeUpstream) -> AsyncIterator[Sides]:
    with serving_two(tmp_path, database_url, fake, REDIS_URL="redis://127.0.0.1:1/0") as two:
        async with both(two) as sides:
            yield sides


async def test_without_redis_a_rejoin_elsewhere_waits_for_the_end_and_loses_nothing(
    tmp_path: Path, database_url: str, fake: FakeUpstream
) -> None:
    async with (
        both_without_redis(tmp_path, database_url, fake) as sides,
        sides.here.stream("POST", "/api/chat", json={"message": "Go"}) as reply,
    ):
        stream = events_of(reply)
        seen = await some(stream, 5)
        async with sides.there.stream("GET", f"{reply.headers['Location']}?after=4") as rejoined:
            rest = await read_all(rejoined, first=5)
        seen += [event async for event in stream]

    require_grammar(seen)
    assert rest == seen[5:]
