"""L6 over HTTP: a balance that pays for exactly seven replies, and two hundred requests at once."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from app.services import Services
from app.settings import Settings
from tests.chat.callers import JSON, URL, Caller, calling
from tests.chat.conftest import require_order
from tests.conftest import Register, settings_for
from tests.fakes.provider import ScriptedProvider
from tests.figures import DEEP

ROUNDS = 10 if DEEP else 2
REQUESTS, PAID_FOR = 200, 7
PROMPT_TOKENS, REPLY_TOKENS = 8, 4
COST = PROMPT_TOKENS + REPLY_TOKENS


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(
        database_url, welcome_tokens=COST * PAID_FOR + COST - 1, turns_per_user_max=1000, message_chars_max=100
    )


async def ask(caller: Caller) -> httpx2.Response:
    """Just long enough a reply that the whole hold is used up."""
    return await caller.http.post(URL, json={"message": "Hello", "maxTokens": REPLY_TOKENS}, headers=JSON)


@pytest.mark.parametrize("round_number", range(ROUNDS))
async def test_exactly_seven_of_two_hundred_succeed(
    live_url: str, register: Register, services: Services, provider: ScriptedProvider, round_number: int
) -> None:
    ann = await register(f"ann{round_number}@example.com")
    lowest: list[int] = []
    async with calling(live_url, ann) as one, calling(live_url, ann) as two, calling(live_url, ann) as watcher:
        asking = [asyncio.create_task(ask((one, two)[number % 2])) for number in range(REQUESTS)]
        while not all(task.done() for task in asking):
            lowest.append((await watcher.balance())["available"])
        answers = await asyncio.gather(*asking)
        left = await watcher.balance()

    refused = [answer.json() for answer in answers if answer.status_code == 402]
    assert sorted(answer.status_code for answer in answers) == [200] * PAID_FOR + [402] * (REQUESTS - PAID_FOR)
    assert min(lowest) >= 0
    assert (left["balance"], left["held"]) == (COST - 1, 0)
    assert len(provider.asked) == PAID_FOR
    for body in refused:
        assert body["needed"] == COST
        assert 0 <= body["available"] < COST
        assert body["available"] <= body["balance"]
        assert body["affordable"] == max(0, body["available"] - PROMPT_TOKENS)
    await require_order(services)
