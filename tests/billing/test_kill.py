"""A server that is killed while it grants: what it had been told is not lost, and not done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import Mount

from app.stripe_sandbox.till import SANDBOX_KEY, Till
from tests.billing.buying import SECRET, STARTER, WELCOME
from tests.billing.line import Line
from tests.billing.posting import about, deliver
from tests.command import Command, Server
from tests.conftest import PASSWORD
from tests.live import serve

CALLERS = 40


@pytest.fixture
def line(till: Till) -> Line:
    return Line(till)


@pytest_asyncio.fixture
async def till_url(line: Line) -> AsyncIterator[str]:
    async with serve(Starlette(routes=[Mount("/", line)])) as url:
        yield url


@asynccontextmanager
async def serving(prome: Command) -> AsyncIterator[tuple[Server, httpx2.AsyncClient]]:
    """In a thread, because the till answers on this loop."""
    running = prome.serving()
    server = await asyncio.to_thread(running.__enter__)
    async with httpx2.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as client:
        yield server, client
    await asyncio.to_thread(running.__exit__, None, None, None)


async def test_a_server_that_is_killed_in_the_middle_grants_once_when_it_is_back(
    database_url: str, tmp_path: Path, till: Till, till_url: str, line: Line
) -> None:
    stripe = {"STRIPE_SECRET_KEY": SANDBOX_KEY, "STRIPE_API_BASE": till_url, "STRIPE_WEBHOOK_SECRET": SECRET}
    prome = Command(tmp_path, {"DATABASE_URL": database_url, **stripe})
    async with serving(prome) as (server, client):
        person = {"email": "ann@example.com", "password": PASSWORD}
        token = (await client.post("/api/auth/register", json=person)).json()["token"]
        me = {"Authorization": f"Bearer {token}"}
        begun = (await client.post("/api/billing/checkout", json={"packageId": "starter"}, headers=me)).json()
        till.pay(begun["sessionId"])
        event = about("checkout.session.completed", {"id": begun["sessionId"]})
        line.next = [server.process.kill]
        with pytest.raises(httpx2.TransportError):
            await deliver(client, event)

    async with serving(prome) as (_, client):
        way_back = f"/api/billing/checkout/{begun['sessionId']}/complete"
        await asyncio.gather(
            *(deliver(client, {**event, "id": f"evt_{number}"}) for number in range(CALLERS)),
            *(client.post(way_back, headers=me) for _ in range(CALLERS)),
        )
        again = await deliver(client, event)
        books = (await client.get("/api/billing/ledger", headers=me)).json()

    assert again.status_code == 200
    assert [(entry["kind"], entry["tokens"]) for entry in books["entries"]] == [
        ("welcome", WELCOME),
        ("purchase", STARTER),
    ]
