"""Secrets stay out of logs and errors, at the most talkative level there is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from app.edge.endpoints import get
from app.services import services
from app.settings import Settings
from tests.accounts.mailbox import Mailbox
from tests.conftest import settings_for
from tests.edge.rows import running
from tests.fakes.clock import FakeClock
from tests.observability.lines import Lines, logged

Client = httpx2.AsyncClient
PASSWORDS = ("canary-first-password", "canary-second-password", "canary-third-password", "canary-wrong-password")
CONFIGURED = {
    "jwt_secret": "canary-of-the-signing-key-0123456789",
    "password_pepper": "canary-of-the-pepper",
    "stripe_secret_key": "sk_live_canaryOfStripe",
    "stripe_webhook_secret": "whsec_canaryOld, whsec_canaryNew",
    "openai_api_key": "sk-canary-of-the-upstream",
    "metrics_token": "canary-of-the-metrics",
}


async def leak(request: Request) -> Response:
    """The worst handler there is: every secret, in one exception."""
    its = services(request).settings
    everything = [*CONFIGURED.values(), "canary smtp", "whsec_canaryNew", its.smtp_url.get_secret_value()]
    raise RuntimeError(" ; ".join([*everything, its.database_url, request.headers.get("authorization", "")]))


class LockedMailbox(Mailbox):
    """Takes mail from whoever has a password, as a real mail server does."""

    async def _answer(self, command: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        spoken = {b"EHLO": b"250-mail.example\r\n250 AUTH PLAIN\r\n", b"AUTH": b"235 Come in.\r\n"}
        return spoken.get(command) or await super()._answer(command, reader, writer)


@pytest_asyncio.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with LockedMailbox().open("mailer:canary%20smtp@") as box:
        yield box


@pytest.fixture
def settings(database_url: str, box: Mailbox) -> Settings:
    own = {"environment": "production", "log_level": "DEBUG", "frontend_url": "http://app", "smtp_url": box.url}
    return settings_for(database_url, **own, **CONFIGURED)


@pytest_asyncio.fixture
async def app(settings: Settings, clock: FakeClock) -> AsyncIterator[Starlette]:
    async with running(settings, [get("/api/leak", leak, public=True)], clock=clock) as app:
        yield app


@pytest.fixture
def lines(settings: Settings) -> Iterator[Lines]:
    with logged(settings) as lines:
        yield lines


def canaries(*more: str) -> list[str]:
    found = [*PASSWORDS, *CONFIGURED.values(), "canary smtp", "canary%20smtp", "whsec_canaryOld", "whsec_canaryNew"]
    return [*found, *more]


def hits(text: str, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if secret in text]


async def live_a_life(client: Client, box: Mailbox) -> tuple[list[str], str]:
    """All that one does with a password and a token, right and wrong. Gives the tokens and what errors said."""
    first, second, third, wrong = PASSWORDS
    ann = {"email": "ann@example.com"}
    asked = [await client.post("/api/auth/register", json={**ann, "password": first})]
    token = asked[0].json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    asked += [
        await client.post("/api/auth/register", json={**ann, "password": first}),
        await client.post("/api/auth/login", json={**ann, "password": wrong}),
        await client.post("/api/auth/login", json={**ann, "password": first, "typo": wrong}),
        await client.post("/api/auth/login", content=b'{"password": "' + wrong.encode(), headers={**JSON}),
        await client.post("/api/auth/password", json=change(wrong, second), headers=bearer),
        await client.post("/api/auth/password", json=change(first, second), headers=bearer),
        await client.post("/api/auth/password", json={"currentPassword": [second]}, headers=bearer),
        await client.get("/api/auth/me", headers={"Authorization": f"Bearer {token}x"}),
        await client.get("/api/auth/me", params={"token": token}, headers={"Cookie": f"session={token}x"}),
        await client.post("/api/auth/password/forgot", json=ann),
        await client.get("/metrics", headers={"Authorization": "Bearer nearly"}),
        await client.get("/api/leak", headers=bearer),
    ]
    reset = await box.next_token()
    body = {"token": reset, "newPassword": third}
    asked += [await client.post("/api/auth/password/reset", json=body) for _ in range(2)]
    assert {answer.status_code for answer in asked} >= {201, 204, 202, 400, 401, 403, 404, 409, 422, 500}
    return [token, reset], "\n".join(answer.text for answer in asked if answer.is_error)


JSON = {"Content-Type": "application/json"}


def change(old: str, new: str) -> dict[str, str]:
    return {"currentPassword": old, "newPassword": new}


async def test_no_secret_is_in_the_log_or_in_an_error(
    lines: Lines, client: Client, settings: Settings, box: Mailbox
) -> None:
    tokens, errors = await live_a_life(client, box)

    secrets = canaries(*tokens, *re.findall(r"://\w+:([^@/]+)@", settings.database_url))
    assert hits(lines.text(), secrets) == []
    assert hits(errors, secrets) == []


async def test_the_search_would_find_one(lines: Lines, client: Client) -> None:
    """The log is really captured, and the canaries are really in what was asked of it."""
    answer = await client.get("/api/leak", headers={"Authorization": "Bearer an-unknown-canary"})

    (fallen, asked) = lines.of(answer)
    assert fallen["exception"].count("[hidden]") >= len(CONFIGURED)
    assert asked["status"] == 500
    assert hits("x canary-first-password x", canaries()) == ["canary-first-password"]
