"""A forgotten password: the link arrives by mail, works once, for half an hour, and ends every session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from app.accounts import accounts
from app.services import Services
from app.settings import Settings
from tests.accounts.callers import another_session, caller, sign_in, sign_in_from, status_of
from tests.accounts.mailbox import Mailbox
from tests.conftest import PASSWORD, Person, settings_for
from tests.fakes.clock import FakeClock

NEW = "a whole new password"


@pytest_asyncio.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with Mailbox().open() as box:
        yield box


@pytest.fixture
def settings(database_url: str, box: Mailbox) -> Settings:
    return settings_for(database_url, smtp_url=box.url, frontend_url="https://prome.example")


async def _ask(client: httpx2.AsyncClient, email: str) -> None:
    response = await client.post("/api/auth/password/forgot", json={"email": email})
    assert (response.status_code, response.json()) == (202, {"status": "sent"})


async def _reset(client: httpx2.AsyncClient, token: str, password: str = NEW) -> httpx2.Response:
    return await client.post("/api/auth/password/reset", json={"token": token, "newPassword": password})


async def test_the_mail_brings_a_link_to_the_public_address(
    client: httpx2.AsyncClient, ann: Person, box: Mailbox
) -> None:
    await _ask(client, " ANN@example.com")

    letter = await box.next_letter()
    assert letter["To"] == ann.email
    assert "https://prome.example/reset#token=" in letter.get_content()
    assert letter["Date"]
    assert letter["Message-ID"]


async def test_the_link_sets_a_password_and_ends_every_session(
    client: httpx2.AsyncClient, ann: Person, box: Mailbox
) -> None:
    other = await another_session(client, ann.email)
    await _ask(client, ann.email)

    done = await _reset(client, await box.next_token())

    assert done.status_code == 204
    assert [await status_of(client, headers) for headers in (ann.headers, other)] == [401, 401]
    assert (await sign_in(client, ann.email, PASSWORD)).status_code == 401
    assert (await sign_in(client, ann.email, NEW)).status_code == 200


async def test_the_link_works_once_however_many_use_it_at_once(
    client: httpx2.AsyncClient, ann: Person, box: Mailbox
) -> None:
    await _ask(client, ann.email)
    token = await box.next_token()

    at_once = await asyncio.gather(*(_reset(client, token, f"{NEW} {number}") for number in range(6)))
    later = await _reset(client, token)

    assert sorted(answer.status_code for answer in at_once) == [204, *[400] * 5]
    assert (later.status_code, later.json()["code"]) == (400, "reset_link_invalid")


async def test_the_link_dies_when_another_one_is_used(client: httpx2.AsyncClient, ann: Person, box: Mailbox) -> None:
    await _ask(client, ann.email)
    first = await box.next_token()
    await _ask(client, ann.email)
    second = await box.next_token()

    answers = [await _reset(client, token) for token in (second, first)]

    assert [answer.status_code for answer in answers] == [204, 400]


@pytest.mark.parametrize(("minutes", "status"), [(29.9, 204), (30, 400)])
async def test_the_link_lives_half_an_hour(
    client: httpx2.AsyncClient, ann: Person, box: Mailbox, clock: FakeClock, minutes: float, status: int
) -> None:
    await _ask(client, ann.email)
    token = await box.next_token()

    clock.advance(minutes=minutes)

    assert (await _reset(client, token)).status_code == status


@pytest.mark.parametrize("token", ["x", "x" * 128, "' OR 1=1 --", "ключ"])
async def test_a_link_of_ones_own_making_opens_nothing(client: httpx2.AsyncClient, ann: Person, token: str) -> None:
    response = await _reset(client, token)

    assert (response.status_code, response.json()["code"]) == (400, "reset_link_invalid")


async def test_a_password_that_is_refused_leaves_the_link_alive(
    client: httpx2.AsyncClient, ann: Person, box: Mailbox
) -> None:
    await _ask(client, ann.email)
    token = await box.next_token()

    answers = [await _reset(client, token, password) for password in ("password123", ann.email, NEW)]

    assert [answer.status_code for answer in answers] == [422, 422, 204]


async def test_nobody_gets_a_mail_who_has_no_open_account(
    client: httpx2.AsyncClient, services: Services, ann: Person, bob: Person, box: Mailbox
) -> None:
    async with services.db.begin() as session:
        await accounts.disable(session, ann.id, services.clock.now())

    for email in ("nobody@example.com", ann.email, bob.email):
        await _ask(client, email)

    assert (await box.next_letter())["To"] == bob.email
    assert box.letters.empty()


async def test_a_link_does_not_open_an_account_that_was_closed_meanwhile(
    client: httpx2.AsyncClient, services: Services, ann: Person, box: Mailbox
) -> None:
    await _ask(client, ann.email)
    token = await box.next_token()
    async with services.db.begin() as session:
        await accounts.disable(session, ann.id, services.clock.now())

    refused = await _reset(client, token)

    assert (refused.status_code, refused.json()["code"]) == (403, "account_disabled")


async def test_whoever_used_the_link_is_let_in_there_while_strangers_guess(
    app: Starlette, client: httpx2.AsyncClient, ann: Person, box: Mailbox
) -> None:
    for number in range(10):
        await sign_in_from(app, f"10.0.0.{number}", ann.email, "not the one")
    await _ask(client, ann.email)

    async with caller(app, host="10.9.9.9") as abroad:
        kept_out = await sign_in(abroad, ann.email)
        await _reset(abroad, await box.next_token())
        let_in = await sign_in(abroad, ann.email, NEW)

    assert (kept_out.status_code, let_in.status_code) == (429, 200)


async def test_an_address_in_any_script_gets_its_mail(client: httpx2.AsyncClient, box: Mailbox) -> None:
    await client.post("/api/auth/register", json={"email": "用户@example.com", "password": PASSWORD})

    await _ask(client, "用户@example.com")

    assert await box.next_token()
