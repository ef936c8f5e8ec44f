"""Hashing is slow on purpose, so it waits in a short line beside the event loop."""

from __future__ import annotations

import asyncio
import time

import httpx2
import pytest

from app.accounts.doors import TRIES_PER_ACCOUNT
from app.accounts.passwords import WAITING_MAX, Busy
from app.services import Services
from app.settings import Settings
from tests.accounts.callers import sign_in
from tests.conftest import PASSWORD, Person, settings_for


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, bcrypt_cost=10)


@pytest.mark.either_engine
async def test_a_full_queue_says_so_at_once_and_works_again_after(services: Services) -> None:
    asked = [asyncio.create_task(services.passwords.hash(PASSWORD)) for _ in range(WAITING_MAX + 8)]

    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(answer, str) for answer in answers) == WAITING_MAX
    assert sum(isinstance(answer, Busy) for answer in answers) == 8
    assert await services.passwords.hash(PASSWORD)


async def test_a_caller_turned_away_by_a_full_queue_has_used_up_no_try(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    crowd = [asyncio.create_task(services.passwords.hash(PASSWORD)) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)

    for _ in range(TRIES_PER_ACCOUNT + 1):
        refused = await sign_in(client, ann.email)

    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) > 0
    await asyncio.gather(*crowd)
    assert (await sign_in(client, ann.email)).status_code == 200


@pytest.mark.either_engine
async def test_the_loop_goes_on_while_passwords_are_hashed(services: Services) -> None:
    gaps: list[float] = []
    hashing = asyncio.gather(*(services.passwords.hash(PASSWORD) for _ in range(20)))

    last = time.perf_counter()
    while not hashing.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    assert len(gaps) > 100
    assert sorted(gaps)[int(len(gaps) * 0.99)] <= 0.1
