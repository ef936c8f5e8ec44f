"""Logout, a new password and disabling act on the very next request."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from app.accounts import accounts, sessions
from app.services import Services
from app.settings import Settings
from tests.accounts.callers import another_session, sign_in, status_of
from tests.conftest import PASSWORD, Person, settings_for
from tests.fakes.clock import FakeClock

NEW = "a whole new password"


@pytest.fixture
def settings(database_url: str) -> Settings:
    """A tenth of a second for a password, so that something can happen while one is being checked."""
    return settings_for(database_url, bcrypt_cost=11)


async def test_a_new_password_keeps_this_session_and_ends_every_other(client: httpx2.AsyncClient, ann: Person) -> None:
    others = [await another_session(client, ann.email) for _ in range(2)]

    changed = await client.post(
        "/api/auth/password", json={"currentPassword": PASSWORD, "newPassword": NEW}, headers=ann.headers
    )

    assert changed.status_code == 204
    assert await status_of(client, ann.headers) == 200
    assert [await status_of(client, other) for other in others] == [401, 401]
    assert (await sign_in(client, ann.email, PASSWORD)).status_code == 401
    assert (await sign_in(client, ann.email, NEW)).status_code == 200


async def test_the_current_password_is_needed_for_a_new_one(client: httpx2.AsyncClient, ann: Person) -> None:
    body = {"currentPassword": "not the one", "newPassword": NEW}

    response = await client.post("/api/auth/password", json=body, headers=ann.headers)

    assert (response.status_code, response.json()["code"]) == (403, "wrong_password")
    assert (await sign_in(client, ann.email, PASSWORD)).status_code == 200


async def test_a_stolen_session_guesses_the_password_ten_times_and_no_more(
    client: httpx2.AsyncClient, ann: Person
) -> None:
    body = {"currentPassword": "not the one", "newPassword": NEW}

    tries = [await client.post("/api/auth/password", json=body, headers=ann.headers) for _ in range(11)]

    assert [one.status_code for one in tries] == [403] * 10 + [429]


async def test_disabling_ends_all_and_enabling_revives_nothing(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    now = services.clock.now()

    async with services.db.begin() as session:
        await accounts.disable(session, ann.id, now)
    while_closed = await status_of(client, ann.headers)
    refused = await sign_in(client, ann.email)
    guessed = await sign_in(client, ann.email, "not the one")
    async with services.db.begin() as session:
        await accounts.enable(session, ann.id, now)

    assert while_closed == 401
    assert (refused.status_code, refused.json()["code"]) == (403, "account_disabled")
    assert (guessed.status_code, guessed.json()["code"]) == (401, "wrong_credentials")
    assert await status_of(client, ann.headers) == 401
    assert (await sign_in(client, ann.email)).status_code == 200


async def _until_hashing(services: Services) -> None:
    while not services.metrics.registry.get_sample_value("prome_passwords_waiting"):
        await services.db.ping()


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("/api/auth/login", {"email": "ann@example.com", "password": PASSWORD}, (401, "wrong_credentials")),
        ("/api/auth/password", {"currentPassword": PASSWORD, "newPassword": "mine now"}, (403, "wrong_password")),
    ],
)
async def test_an_old_password_that_is_replaced_while_it_is_checked_opens_nothing(
    client: httpx2.AsyncClient,
    services: Services,
    ann: Person,
    path: str,
    body: dict[str, str],
    refusal: tuple[int, str],
) -> None:
    asking = asyncio.create_task(client.post(path, json=body, headers=ann.headers))
    await _until_hashing(services)

    async with services.db.begin() as session:
        await accounts.set_password(session, ann.id, "$2b$04$", services.clock.now())

    answer = await asking
    assert (answer.status_code, answer.json()["code"]) == refusal


async def test_an_account_that_is_closed_while_its_password_is_checked_stays_closed(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    asking = asyncio.create_task(sign_in(client, ann.email))
    await _until_hashing(services)

    async with services.db.begin() as session:
        await accounts.disable(session, ann.id, services.clock.now())

    assert (await asking).json()["code"] == "account_disabled"


async def test_when_everything_ends_a_token_is_dead_by_its_age_even_if_its_row_were_open(
    client: httpx2.AsyncClient, services: Services, clock: FakeClock, ann: Person
) -> None:
    clock.advance(seconds=2)

    async with services.db.begin() as session:
        await sessions.end_all(session, ann.id, clock.now())
        await session.run("UPDATE sign_ins SET ended_at = NULL")

    assert (await client.get("/api/auth/me", headers=ann.headers)).status_code == 401
    again = (await sign_in(client, ann.email)).json()["token"]
    assert (await client.get("/api/auth/me", headers={"Authorization": f"Bearer {again}"})).status_code == 200
