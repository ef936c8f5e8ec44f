"""`WORKERS=2 prome serve` for real: it starts without Redis, both workers serve, and a signal drains both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.chat.callers import calling, newcomer, until
from tests.chat.strict import Event, events_of, require_grammar
from tests.command import Server
from tests.conftest import Person
from tests.databases import Databases
from tests.waiting import eventually
from tests.workers.house import House, house

ASKS = 12
# Five seconds: longer than a server that is told twice used to leave them.
TOKENS = 250


@pytest.fixture
def pair(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if databases.kind != "postgres":
        pytest.skip("SQLite serves one worker.")
    folder = tmp_path_factory.mktemp("pair")
    with house(folder, databases.fresh(folder), tokens=TOKENS, WORKERS="2", DRAIN_SECONDS="20") as found:
        # Redis comes when they have started.
        found.to_redis.cut()
        found.start(1)
        found.to_redis.mend()
        yield found


async def until_both_serve(pair: House, person: Person) -> None:
    """Who is idle takes whatever connections there are, so it takes some before the other one gets its share."""

    async def ask(words: str) -> None:
        async with calling(pair.workers[0].url, person) as caller:
            await caller.post(words, maxTokens=1)

    async with asyncio.timeout(60):
        while len(await pair.rows("SELECT DISTINCT worker FROM turns")) < 2:
            await asyncio.gather(*(ask("a " * 500 * number) for number in range(1, 20)))


def tell_the_parent(server: Server) -> None:
    server.process.terminate()


def tell_every_process(server: Server) -> None:
    """As an init system does that knows no better; the parent then tells its workers a second time."""
    parent = psutil.Process(server.process.pid)
    for process in (*parent.children(recursive=True), parent):
        process.terminate()


@pytest.mark.parametrize("tell", [tell_the_parent, tell_every_process])
async def test_both_serve_and_both_drain(pair: House, tell: Callable[[Server], None]) -> None:
    server, seen = pair.workers[0], list[list[Event]]()
    person = await newcomer(server.url)
    await until_both_serve(pair, person)

    async def ask(number: int) -> None:
        """On a connection of its own, which either of them may take, as the second one that reads it on."""
        events: list[Event] = []
        seen.append(events)
        async with calling(server.url, person) as one, one.asking(f"{number}") as reply:
            events += await until(events_of(reply), "answer", 5)
        async with (
            calling(server.url, person) as other,
            other.following(events[0].data["streamId"], events[-1].id) as on,
        ):
            async for event in events_of(on):
                events.append(event)

    async with asyncio.TaskGroup() as asking:
        for number in range(ASKS):
            asking.create_task(ask(number))
        # Meta, five words, and one that the second connection has brought.
        await eventually(lambda: len(seen) == ASKS and all(len(each) > 6 for each in seen))
        tell(server)
    code = await asyncio.to_thread(server.process.wait, 30)

    for events in seen:
        require_grammar(events)
        assert events[-1].name == "done"
    assert code == 0, server.log.read_text()
    assert "Traceback" not in server.log.read_text(), server.log.read_text()
    assert await pair.rows("SELECT id FROM workers") == []
    await pair.require_the_books_are_right()
