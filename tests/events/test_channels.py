"""However many tabs an account has open, one look serves them all, and each hears everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import orjson
import pytest
import pytest_asyncio

from app.db import Database, DatabaseUnavailable, Session
from app.edge.pulse import Readers
from app.edge.shapes import Out
from app.edge.sse import COMMENT
from app.events import channels
from app.events.channels import Channel, Channels
from app.events.looks import Look
from app.ledger import ledger
from app.services import Services
from tests.conftest import Person
from tests.events.test_channel import grant
from tests.waiting import eventually, soon

TABS = 20


class Account:
    """What there is to see of it, and how often it was looked at."""

    def __init__(self) -> None:
        self.balance, self.looks, self.is_away = 0, 0, False
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def take(self) -> Look:
        self.looks += 1
        seen = self.balance
        await self.may_end.wait()
        if self.is_away:
            raise DatabaseUnavailable
        return Look({"balance": seen}, [], [])


class Watched:
    """Channels over a real database, and how often they look."""

    def __init__(self, services: Services, silence_seconds: float) -> None:
        self.looks, self.strangers = 0, set[str]()
        self.trouble: Exception | None = None
        self.readers = Readers(self._may_read, silence_seconds_max=silence_seconds)
        self.its = Channels(services.db, services.topics, self.readers, self._payments)

    async def _may_read(self, owners: set[str]) -> set[str]:
        return owners - self.strangers

    async def _payments(self, _session: Session, _user_id: str) -> Sequence[Out]:
        self.looks += 1
        if self.trouble:
            raise self.trouble
        return []

    def tab(self, person: Person, sign_in: str = "sgn_1") -> AsyncGenerator[bytes]:
        return self.its.follow(person.id, sign_in)


@pytest_asyncio.fixture
async def watched(services: Services, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(channels, "ROUND_SECONDS", 0.2)
    watched = Watched(services, silence_seconds=0.5)
    watched.readers.start()
    yield watched
    watched.its.stop()
    watched.readers.stop()


def balances(frame: bytes) -> list[int]:
    """Of all the events in one piece."""
    return [
        orjson.loads(line.removeprefix(b"data: "))["balance"] for line in frame.splitlines() if line.startswith(b"data")
    ]


async def test_who_asks_while_a_look_is_taken_shares_the_next_one() -> None:
    account = Account()
    channel = Channel(account.take)
    account.may_end.clear()
    first = asyncio.create_task(channel.look())
    await eventually(lambda: account.looks == 1)

    account.balance = 7
    others = [asyncio.create_task(channel.look()) for _ in range(TABS)]
    await asyncio.sleep(0)
    account.may_end.set()
    await asyncio.gather(first, *others)

    assert account.looks == 2
    assert channel.now == Look({"balance": 7}, [], [])


async def test_what_is_told_during_a_look_is_looked_at_again() -> None:
    account = Account()
    channel = Channel(account.take)
    account.may_end.clear()
    channel.stir()
    await eventually(lambda: account.looks == 1)

    account.balance = 7
    for _ in range(TABS):
        channel.stir()
    account.may_end.set()

    await eventually(lambda: channel.now == Look({"balance": 7}, [], []))
    assert account.looks == 2


async def test_a_look_that_fails_leaves_nobody_without_the_next() -> None:
    account = Account()
    channel = Channel(account.take)
    account.is_away = True
    with pytest.raises(DatabaseUnavailable):
        await channel.look()
    channel.stir()
    await eventually(lambda: account.looks == 2)

    account.is_away, account.balance = False, 7
    await channel.look()

    assert channel.now == Look({"balance": 7}, [], [])


async def test_one_look_serves_all_tabs(watched: Watched, services: Services, ann: Person) -> None:
    tabs = [watched.tab(ann) for _ in range(TABS)]
    assert [balances(await anext(tab)) for tab in tabs] == [[1000]] * TABS
    before = watched.looks

    waiting = [asyncio.create_task(anext(tab)) for tab in tabs]
    await asyncio.sleep(0)
    await grant(services, ann.id, 7)
    told = await asyncio.gather(*waiting)

    assert [balances(piece) for piece in told] == [[1007]] * TABS
    assert watched.looks - before <= 2
    for tab in tabs:
        await tab.aclose()
    assert watched.its.open == {}
    assert watched.readers.open == set()


async def test_a_round_notices_what_nobody_told(watched: Watched, services: Services, ann: Person) -> None:
    watched.its.start()
    silent = Database(services.settings.database_url, lambda _topic: None)
    await silent.open()
    async with aclosing(watched.tab(ann)) as tab:
        await anext(tab)
        async with silent.begin() as session:
            await ledger.credit(session, ann.id, 7, kind="adjustment", reference="from elsewhere")
        async with soon():
            while (piece := await anext(tab)) == COMMENT:
                pass
    await silent.close()

    assert balances(piece) == [1007]


@pytest.mark.parametrize("trouble", [DatabaseUnavailable(), RuntimeError("a fault of ours")])
async def test_a_tab_outlives_a_look_that_fails(
    watched: Watched, services: Services, ann: Person, trouble: Exception
) -> None:
    watched.its.start()
    async with aclosing(watched.tab(ann)) as tab:
        await anext(tab)
        watched.trouble, before = trouble, watched.looks
        await grant(services, ann.id, 7)
        await eventually(lambda: watched.looks > before + 2)
        watched.trouble = None
        async with soon():
            while (piece := await anext(tab)) == COMMENT:
                pass

    assert balances(piece) == [1007]


async def test_a_silent_tab_is_kept_alive(watched: Watched, ann: Person) -> None:
    async with aclosing(watched.tab(ann)) as tab:
        await anext(tab)
        async with soon():
            assert [await anext(tab), await anext(tab)] == [COMMENT, COMMENT]


async def test_only_the_tabs_of_an_ended_session_end(watched: Watched, services: Services, ann: Person) -> None:
    async with aclosing(watched.tab(ann, "sgn_ended")) as ended, aclosing(watched.tab(ann, "sgn_stands")) as other:
        await anext(ended)
        await anext(other)
        watched.strangers.add("sgn_ended")
        async with soon():
            rest = [piece async for piece in ended if piece != COMMENT]
        await grant(services, ann.id, 7)
        while (piece := await anext(other)) == COMMENT:
            pass

    assert (rest, balances(piece)) == ([], [1007])


async def test_rounds_leave_most_of_the_time_to_others(watched: Watched, ann: Person) -> None:
    """With so many accounts that a round takes longer than it should come."""
    busy = 0.0

    async def take() -> Look:
        nonlocal busy
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(0.02)
        busy += asyncio.get_running_loop().time() - began
        return Look({}, [], [])

    watched.its.open |= {f"usr_{number}": Channel(take) for number in range(50)}
    began = asyncio.get_running_loop().time()
    watched.its.start()
    await asyncio.sleep(1)

    assert 0 < busy < 0.5 * (asyncio.get_running_loop().time() - began)
