"""A server that is killed while it grants, wherever it is just then: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from app.stripe_sandbox.till import SANDBOX_KEY, Till
from tests.billing.buying import SECRET, STARTER, WELCOME
from tests.billing.line import Line
from tests.billing.posting import about, deliver
from tests.command import Command, Server
from tests.conftest import PASSWORD
from tests.figures import DEEP
from tests.waiting import WAIT_SECONDS_MAX, eventually

pytestmark = pytest.mark.usefixtures("line")

CALLERS = 40
ROUNDS = 10 if DEEP else 1
# Time enough to run into what is held, and less than the server waits for it.
STALLED_SECONDS = 0.4


@asynccontextmanager
async def serving(prome: Command) -> AsyncIterator[tuple[Server, httpx2.AsyncClient]]:
    """In a thread, because the till answers on this loop."""
    running = prome.serving()
    server = await asyncio.to_thread(running.__enter__)
    async with httpx2.AsyncClient(base_url=server.url, timeout=WAIT_SECONDS_MAX, trust_env=False) as client:
        yield server, client
    await asyncio.to_thread(running.__exit__, None, None, None)


async def kill(server: Server) -> None:
    """It is dead when this returns."""
    server.process.kill()
    await asyncio.to_thread(server.process.wait)


@asynccontextmanager
async def held(database_url: str, table: str) -> AsyncIterator[None]:
    """Whoever writes there waits: in SQLite as soon as a unit begins, in Postgres when it comes to this table."""
    if database_url.startswith("sqlite"):
        raw = sqlite3.connect(database_url.partition(":///")[2], isolation_level=None)
        raw.execute("BEGIN IMMEDIATE")
        yield
        raw.close()
        return
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    await connection.execute("BEGIN")
    await connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
    yield
    await connection.close()


async def granted(database_url: str, session_id: str) -> bool:
    sql = f"SELECT COUNT(*) FROM ledger_entries WHERE reference = '{session_id}'"
    if database_url.startswith("sqlite"):
        raw = sqlite3.connect(database_url.partition(":///")[2])
        found = raw.execute(sql).fetchone()[0]
        raw.close()
    else:
        connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
        found = await connection.fetchval(sql)
        await connection.close()
    return bool(found)


@dataclass(frozen=True)
class Scene:
    """A paid session of which a server is told, which shall not live to answer."""

    database_url: str
    session_id: str
    server: Server
    line: Line

    async def stripe_is_asked(self) -> None:
        await eventually(lambda: any(path.endswith(self.session_id) for path, _ in self.line.asked))

    @asynccontextmanager
    async def stalled_at(self, table: str, thinking: asyncio.Event) -> AsyncIterator[None]:
        await self.stripe_is_asked()
        async with held(self.database_url, table):
            thinking.set()
            await asyncio.sleep(STALLED_SECONDS)
            yield


def told_of(session_id: str) -> dict[str, Any]:
    return about("checkout.session.completed", {"id": session_id}, id=f"evt_{session_id}")


Moment = Callable[[Scene, asyncio.Event], Awaitable[None]]


async def while_stripe_is_asked(scene: Scene, thinking: asyncio.Event) -> None:
    """The event is stored by then."""
    await scene.stripe_is_asked()
    await kill(scene.server)
    thinking.set()


async def when_stripe_was_read(scene: Scene, thinking: asyncio.Event) -> None:
    async with scene.stalled_at("orders", thinking):
        await kill(scene.server)


async def between_the_statements_of_the_grant(scene: Scene, thinking: asyncio.Event) -> None:
    """SQLite lets nobody in between, so there it is wherever chance will have it."""
    if scene.database_url.startswith("sqlite"):
        thinking.set()
        await asyncio.sleep(random.random() * 0.03)
        await kill(scene.server)
        return
    async with scene.stalled_at("ledger_accounts", thinking):
        await kill(scene.server)


async def after_the_commit(scene: Scene, thinking: asyncio.Event) -> None:
    thinking.set()
    while not await granted(scene.database_url, scene.session_id):  # noqa: ASYNC110 - nobody tells.
        await asyncio.sleep(0)
    await kill(scene.server)


LATER: list[Moment] = [while_stripe_is_asked, when_stripe_was_read, between_the_statements_of_the_grant,
                       after_the_commit]  # fmt: skip
SOONER: list[Moment] = [while_stripe_is_asked, between_the_statements_of_the_grant]


async def before_the_event_is_stored(url: str, server: Server, client: httpx2.AsyncClient, event: Any) -> None:
    async with held(url, "stripe_events"):
        telling = asyncio.create_task(deliver(client, event))
        await asyncio.sleep(STALLED_SECONDS)
        assert not telling.done()
        await kill(server)
        with pytest.raises(httpx2.TransportError):
            await telling


@dataclass
class Shopper:
    """Somebody who buys from one server after another, all on the same database."""

    database_url: str
    prome: Command
    till: Till
    headers: dict[str, str]
    bought: int = 0

    async def begin(self, client: httpx2.AsyncClient) -> str:
        body = {"packageId": "starter"}
        begun = (await client.post("/api/billing/checkout", json=body, headers=self.headers)).json()
        self.till.pay(begun["sessionId"])
        self.bought += 1
        return str(begun["sessionId"])

    async def require_one_grant_each(self, session_id: str) -> None:
        """Told again by everybody at once, as it would be in the hours after a crash."""
        event = told_of(session_id)
        way_back = f"/api/billing/checkout/{session_id}/complete"
        async with serving(self.prome) as (_, client):
            again = await deliver(client, event)
            assert (again.status_code, await granted(self.database_url, session_id)) == (200, True), "it is not done"
            answers = await asyncio.gather(
                *(deliver(client, {**event, "id": f"evt_{session_id}_{number}"}) for number in range(CALLERS)),
                *(client.post(way_back, headers=self.headers) for _ in range(CALLERS)),
            )
            books = (await client.get("/api/billing/ledger?limit=100", headers=self.headers)).json()
        assert {answer.status_code for answer in answers} == {200}
        assert [(entry["kind"], entry["tokens"]) for entry in books["entries"]] == [
            ("welcome", WELCOME),
            *[("purchase", STARTER)] * self.bought,
        ]


@pytest_asyncio.fixture
async def shopper(database_url: str, tmp_path: Path, till: Till, till_url: str) -> Shopper:
    stripe = {"STRIPE_SECRET_KEY": SANDBOX_KEY, "STRIPE_API_BASE": till_url, "STRIPE_WEBHOOK_SECRET": SECRET}
    prome = Command(tmp_path, {"DATABASE_URL": database_url, **stripe})
    async with serving(prome) as (_, client):
        person = {"email": "ann@example.com", "password": PASSWORD}
        token = (await client.post("/api/auth/register", json=person)).json()["token"]
    return Shopper(database_url, prome, till, {"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("moment", LATER if DEEP else SOONER, ids=lambda moment: moment.__name__)
async def test_a_server_that_is_killed_in_the_middle_grants_once_when_it_is_back(
    shopper: Shopper, database_url: str, line: Line, moment: Moment
) -> None:
    for _ in range(ROUNDS):
        async with serving(shopper.prome) as (server, client):
            session_id, thinking = await shopper.begin(client), asyncio.Event()
            line.next = [thinking]
            telling = asyncio.create_task(deliver(client, told_of(session_id)))
            await moment(Scene(database_url, session_id, server, line), thinking)
            with suppress(httpx2.TransportError):
                await telling
        line.next = []
        await shopper.require_one_grant_each(session_id)


async def test_an_event_whose_server_is_killed_before_it_is_stored_is_not_said_to_be_taken(
    shopper: Shopper, database_url: str
) -> None:
    async with serving(shopper.prome) as (server, client):
        session_id = await shopper.begin(client)
        await before_the_event_is_stored(database_url, server, client, told_of(session_id))

    await shopper.require_one_grant_each(session_id)
