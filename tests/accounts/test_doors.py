"""Guessing is slow, however many addresses it comes from, and it keeps nobody out of their own account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx2
import pytest
from starlette.applications import Starlette

from app.main import create_app
from app.settings import Settings
from tests.accounts.callers import caller, sign_in_from
from tests.conftest import PASSWORD, Person, settings_for
from tests.fakes.clock import FakeClock

WRONG = "not the one"


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, registrations_per_hour=5)


async def _guess(app: Starlette, numbers: Sequence[int], email: str = "ann@example.com") -> list[int]:
    """One guess from each of that many addresses, one after the other."""
    return [(await sign_in_from(app, f"10.0.0.{number}", email, WRONG)).status_code for number in numbers]


@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
async def test_ten_guesses_at_an_account_from_anywhere_and_then_none(app: Starlette, ann: Person, email: str) -> None:
    guesses = await _guess(app, range(15), email)

    assert guesses == [401] * 10 + [429] * 5


@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
async def test_fifty_guesses_at_once_are_ten(app: Starlette, ann: Person, email: str) -> None:
    answers = await asyncio.gather(*(sign_in_from(app, f"10.0.1.{number}", email, WRONG) for number in range(50)))

    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (10, 40)


async def test_the_refusal_says_when_to_come_again(app: Starlette, ann: Person, clock: FakeClock) -> None:
    await _guess(app, range(10))
    clock.advance(seconds=100.5)

    refused = await sign_in_from(app, "10.0.0.99", ann.email)

    body = refused.json()
    assert (refused.status_code, body["code"], body["retryAfterSeconds"]) == (429, "too_many_attempts", 800)
    assert refused.headers["retry-after"] == "800"
    assert "ratelimit" in refused.headers
    clock.advance(seconds=800)
    assert (await sign_in_from(app, "10.0.0.99", ann.email)).status_code == 200


async def test_no_quarter_of_an_hour_holds_more_than_ten_guesses_wherever_it_begins(
    app: Starlette, ann: Person, clock: FakeClock
) -> None:
    first = await _guess(app, [1])
    clock.advance(minutes=14, seconds=59)
    late = await _guess(app, range(9))
    clock.advance(seconds=2)

    over_the_border = await _guess(app, range(10))

    assert first + late == [401] * 10
    assert over_the_border == [429] * 10


async def test_hammering_at_a_closed_door_does_not_keep_it_closed(
    app: Starlette, ann: Person, clock: FakeClock
) -> None:
    await _guess(app, range(10))
    clock.advance(minutes=14)
    hammering = await _guess(app, range(20))
    clock.advance(minutes=1)

    opened = await sign_in_from(app, "10.0.0.99", ann.email)

    assert set(hammering) == {429}
    assert opened.status_code == 200


async def test_the_owner_comes_in_from_a_known_place_while_strangers_guess(app: Starlette, ann: Person) -> None:
    guesses = await _guess(app, range(15))

    at_home = await sign_in_from(app, "127.0.0.1", ann.email)
    abroad = await sign_in_from(app, "10.9.9.9", ann.email)

    assert guesses.count(429) == 5
    assert (at_home.status_code, abroad.status_code) == (200, 429)


async def test_ten_guesses_from_a_known_place_and_then_none(app: Starlette, ann: Person) -> None:
    answers = [await sign_in_from(app, "127.0.0.1", ann.email, WRONG) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]


async def test_one_place_guesses_at_fifty_accounts_and_no_more(app: Starlette) -> None:
    answers = [await sign_in_from(app, "10.0.0.1", f"person{number}@example.com", WRONG) for number in range(55)]

    assert [answer.status_code for answer in answers] == [401] * 50 + [429] * 5
    assert (await sign_in_from(app, "10.0.0.2", "person1@example.com", WRONG)).status_code == 401


async def test_a_whole_ipv6_network_is_one_place(app: Starlette) -> None:
    hosts = [f"2001:db8:1:2::{number:x}" for number in range(50)]

    for number, host in enumerate(hosts):
        await sign_in_from(app, host, f"person{number}@example.com", WRONG)

    neighbour = await sign_in_from(app, "2001:db8:1:2:ffff::1", "person99@example.com", WRONG)
    stranger = await sign_in_from(app, "2001:db8:1:3::1", "person99@example.com", WRONG)
    assert (neighbour.status_code, stranger.status_code) == (429, 401)


async def test_who_knows_the_password_never_meets_a_closed_door(app: Starlette, ann: Person) -> None:
    answers = [await sign_in_from(app, "10.0.0.1", ann.email) for _ in range(60)]

    assert {answer.status_code for answer in answers} == {200}


async def test_guesses_are_remembered_over_a_restart(settings: Settings, clock: FakeClock) -> None:
    statuses = []
    for _ in range(2):
        app = create_app(settings, clock=clock)
        async with app.router.lifespan_context(app):
            statuses += await _guess(app, range(8))

    assert statuses == [401] * 10 + [429] * 6


async def test_registrations_from_one_place_are_counted_by_the_hour(app: Starlette, clock: FakeClock) -> None:
    async def register(client: httpx2.AsyncClient, name: str) -> int:
        body = {"email": f"{name}@example.com", "password": PASSWORD}
        return (await client.post("/api/auth/register", json=body)).status_code

    async with caller(app, host="10.0.0.1") as flood, caller(app, host="10.0.0.2") as other:
        flooding = [await register(flood, f"flood{number}") for number in range(7)]
        elsewhere = await register(other, "other")
        clock.advance(hours=1)
        later = await register(flood, "later")

    assert flooding == [201] * 5 + [429] * 2
    assert (elsewhere, later) == (201, 201)
