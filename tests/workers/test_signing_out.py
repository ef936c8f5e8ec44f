"""A3: signing out, another password and a closed account take effect at the worker that was not told, too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import httpx2
import pytest

from app.chat import stops
from tests.chat.callers import EVENTS, Caller
from tests.command import Command
from tests.figures import figure
from tests.waiting import WAIT_SECONDS_MAX, soon
from tests.workers.house import GAP_SECONDS, TOKENS, House, looking_at

REQUEST_SECONDS_MAX, STREAM_SECONDS_MAX = 1.0, 5.0
End = Callable[[Caller, Command], Awaitable[None]]


async def sign_out(here: Caller, _command: Command) -> None:
    answer = await here.http.post("/api/auth/logout")
    assert answer.status_code == 204, answer.text


async def change_the_password(here: Caller, _command: Command) -> None:
    """It keeps the one who changes it signed in, so that is somebody else than who reads."""
    async with httpx2.AsyncClient(base_url=str(here.http.base_url), timeout=WAIT_SECONDS_MAX) as other:
        who = {"email": here.person.email, "password": here.person.password}
        token = (await other.post("/api/auth/login", json=who)).json()["token"]
        answer = await other.post(
            "/api/auth/password",
            json={"currentPassword": here.person.password, "newPassword": "another horse battery"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code < 300, answer.text


async def close_the_account(here: Caller, command: Command) -> None:
    done = await asyncio.to_thread(command.run, "disable", here.person.email)
    assert done.code == 0, done.err


@pytest.fixture(autouse=True)
def long_replies(two: House) -> Iterator[None]:
    two.fake.answer_with(4000, GAP_SECONDS)
    yield
    two.fake.answer_with(TOKENS, GAP_SECONDS)


@pytest.mark.parametrize("end", [sign_out, change_the_password, close_the_account])
async def test_who_is_out_is_out_at_every_worker(two: House, end: End) -> None:
    async with two.somebody() as (here, there), there.asking("Go", maxTokens=4000) as reply:
        lines = reply.aiter_raw()
        await anext(lines)
        async with there.http.stream("GET", "/api/events", headers=EVENTS) as tab:
            news = tab.aiter_raw()
            await anext(news)
            await end(here, two.command)
            began = time.monotonic()
            refused = await there.http.get("/api/auth/me")
            request_seconds = time.monotonic() - began
            for stream in (lines, news):
                with suppress(httpx2.TransportError):
                    _ = [piece async for piece in stream]
            stream_seconds = time.monotonic() - began
        await stopped(two, there.person.id, reply.headers["X-Stream-Id"])

    figure(f"A3: {end.__name__}: a request is refused after", request_seconds, REQUEST_SECONDS_MAX, "s")
    figure(f"A3: {end.__name__}: open streams end after", stream_seconds, STREAM_SECONDS_MAX, "s")
    assert refused.status_code == 401


async def stopped(two: House, user_id: str, stream_id: str) -> None:
    """It goes on without a reader, for whom nobody is left to ask for its end."""
    async with looking_at(two.database_url) as db:
        async with db.begin() as session:
            await stops.ask(session, user_id, stream_id, datetime.now(UTC))
        async with soon(), db.read() as session:
            while await session.rows("SELECT id FROM turns WHERE id = $1 AND state = 'running'", stream_id):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
