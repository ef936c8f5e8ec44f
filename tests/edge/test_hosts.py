"""Only our own names are answered to."""

from __future__ import annotations

import httpx2
import pytest

from app.settings import Settings
from tests.conftest import settings_for

pytestmark = pytest.mark.either_engine

OURS = [
    "app.example",
    "APP.example",
    "app.example:8443",
    "app.example:",
    "127.0.0.1:80",
    "localhost",
    "[::1]",
    "[::1]:80",
]
NOT_OURS = ["elsewhere.example", "app.example.elsewhere", "xapp.example", "app.example:80:80", "app.example@elsewhere",
            "[app.example", "]app.example[", "::1", "[]", "", ":80", "app.example elsewhere"]  # fmt: skip


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, allowed_hosts="app.example")


@pytest.mark.parametrize("host", OURS)
async def test_our_own_name_is_known_with_any_port_and_in_any_case(client: httpx2.AsyncClient, host: str) -> None:
    answer = await client.get("/healthz", headers={"Host": host})

    assert answer.status_code == 200


@pytest.mark.parametrize("host", NOT_OURS)
async def test_another_name_is_refused_before_anything_is_done(client: httpx2.AsyncClient, host: str) -> None:
    answer = await client.get("/healthz", headers={"Host": host})

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")
