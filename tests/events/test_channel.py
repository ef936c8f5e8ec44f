"""The account's live channel, through a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from app.ledger import ledger
from app.services import Services
from tests.conftest import Person
from tests.waiting import WAIT_SECONDS_MAX, eventually, soon


async def frames(response: httpx2.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    event = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


async def grant(services: Services, user_id: str, tokens: int) -> None:
    async with services.db.begin() as session:
        await ledger.credit(session, user_id, tokens, kind="adjustment", reference=f"{user_id} {tokens}")


async def test_it_tells_the_balance_now_and_after_every_change(
    live_url: str, services: Services, ann: Person, bob: Person
) -> None:
    async with (
        httpx2.AsyncClient(base_url=live_url, headers=ann.headers, timeout=WAIT_SECONDS_MAX) as client,
        client.stream("GET", "/api/events") as response,
    ):
        news = frames(response)
        first = await anext(news)
        await grant(services, bob.id, 5)
        await grant(services, ann.id, 7)
        second = await anext(news)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store, no-transform"
    assert response.headers["x-accel-buffering"] == "no"
    assert first == ("balance", {"balance": 1000, "held": 0, "available": 1000})
    assert second == ("balance", {"balance": 1007, "held": 0, "available": 1007})


async def test_every_open_tab_hears_it(live_url: str, services: Services, ann: Person) -> None:
    async def second_balance() -> int:
        async with (
            httpx2.AsyncClient(base_url=live_url, headers=ann.headers, timeout=WAIT_SECONDS_MAX) as client,
            client.stream("GET", "/api/events") as response,
        ):
            news = frames(response)
            await anext(news)
            opened.release()
            return int((await anext(news))[1]["balance"])

    opened = asyncio.Semaphore(0)
    tabs = [asyncio.create_task(second_balance()) for _ in range(3)]
    for _ in tabs:
        await opened.acquire()
    await grant(services, ann.id, 1)

    assert await asyncio.gather(*tabs) == [1001, 1001, 1001]


async def test_it_ends_within_five_seconds_of_signing_out(live_url: str, ann: Person) -> None:
    async with (
        httpx2.AsyncClient(base_url=live_url, headers=ann.headers, timeout=WAIT_SECONDS_MAX) as client,
        client.stream("GET", "/api/events") as response,
    ):
        news = frames(response)
        await anext(news)
        await client.post("/api/auth/logout")
        async with soon():
            rest = [event async for event in news]

    assert rest == []


async def test_a_stranger_is_told_nothing(live_url: str) -> None:
    async with httpx2.AsyncClient(base_url=live_url) as client:
        response = await client.get("/api/events", headers={"Accept": "text/event-stream"})

    assert response.status_code == 401
    assert response.text.startswith("id: 0\nevent: error\n")


async def test_a_tab_that_leaves_is_forgotten(live_url: str, services: Services, ann: Person) -> None:
    async with (
        httpx2.AsyncClient(base_url=live_url, headers=ann.headers, timeout=WAIT_SECONDS_MAX) as client,
        client.stream("GET", "/api/events") as response,
    ):
        await anext(frames(response))

    await eventually(lambda: ann.id not in services.channels.open)
