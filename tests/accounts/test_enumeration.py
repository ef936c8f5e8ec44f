"""Nobody learns whether an address has an account: not by words, not by status, not by the clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from app.settings import Settings
from tests.accounts.callers import sign_in
from tests.conftest import Person, settings_for
from tests.fakes.clock import FakeClock

SAMPLES = 80
MEASUREMENTS = 3
# So far from a half may the area be.
UNSEEN = 0.1
KNOWN, UNKNOWN = "ann@example.com", "nobody@example.com"
WRONG = "not the one"


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, bcrypt_cost=7)


Ask = Callable[[str], Awaitable[httpx2.Response]]


async def _separation(ask: Ask, clock: FakeClock) -> float:
    """How well time tells the two apart, as the area under the ROC curve: a half is not at all, 0 or 1 is always."""
    seconds: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    for number in range(SAMPLES):
        # The doors open again, so that every sample is a whole request.
        clock.advance(minutes=16)
        for email in (KNOWN, UNKNOWN) if number % 2 else (UNKNOWN, KNOWN):
            started = time.perf_counter()
            await ask(email)
            seconds[email].append(time.perf_counter() - started)
    return sum((one > other) + (one == other) / 2 for one in seconds[KNOWN] for other in seconds[UNKNOWN]) / SAMPLES**2


async def _least_separation(ask: Ask, clock: FakeClock) -> float:
    """Noise from elsewhere on the machine passes; a real difference is there every time."""
    least = 1.0
    for _ in range(MEASUREMENTS):
        least = min(least, abs(await _separation(ask, clock) - 0.5))
        if least <= UNSEEN:
            break
    return least


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    client: httpx2.AsyncClient, ann: Person, clock: FakeClock
) -> None:
    separation = await _least_separation(lambda email: sign_in(client, email, WRONG), clock)

    assert separation <= UNSEEN


async def test_a_known_and_an_unknown_address_get_the_same_answer(client: httpx2.AsyncClient, ann: Person) -> None:
    emails = [ann.email, "nobody@example.com"]

    wrong = [await sign_in(client, email, WRONG) for email in emails]
    forgotten = [await client.post("/api/auth/password/forgot", json={"email": email}) for email in emails]

    assert [one.status_code for one in wrong + forgotten] == [401, 401, 202, 202]
    for known, unknown in (wrong, forgotten):
        assert {**known.json(), "requestId": ""} == {**unknown.json(), "requestId": ""}
        assert set(known.headers) == set(unknown.headers)


async def test_asking_too_often_is_refused_alike(client: httpx2.AsyncClient, ann: Person) -> None:
    for email in (ann.email, "nobody@example.com"):
        answers = [await client.post("/api/auth/password/forgot", json={"email": email}) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
