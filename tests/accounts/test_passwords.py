"""Passwords of any script: every character counts, and nothing that somebody types is our fault."""

from __future__ import annotations

import httpx2
import pytest

from app.accounts.passwords import Passwords
from app.observability.metrics import Metrics
from tests.accounts.callers import sign_in
from tests.conftest import PASSWORD, Person, settings_for

LINES = "the quick brown fox jumps over the lazy dog, " * 6
GOOD = {
    "8 characters": "q8#Lw2!z",
    "64 characters": LINES[:64],
    "72 characters": LINES[:72],
    "73 characters": LINES[:73],
    "256 characters": LINES[:256],
    "64 emoji": "😀🚀🔑" * 21 + "🎉",
    "a thousand bytes of Chinese": "密码很长而且安全" * 30 + "汉字也要算进去的" * 1,
    "NUL inside": "before\x00after it",
    "only NUL differs": "\x00\x01\x02\x03\x04\x05\x06\x07",
    "right to left": "כל הסיסמאות שלנו",
    "spaces around": "  spaces count  ",
    "joined emoji": "👩‍👩‍👧‍👦 family 👩‍👩‍👧‍👦",
}
COMMON = ["password", "Password1", "PASSWORD123", "12345678", "qwertyuiop", "iloveyou", "aaaaaaaaaaaa", "abababababab"]


@pytest.mark.parametrize("password", [pytest.param(text, id=name) for name, text in GOOD.items()])
async def test_a_password_of_any_script_works_to_its_last_character(client: httpx2.AsyncClient, password: str) -> None:
    body = {"email": "ann@example.com", "password": password}

    registered = await client.post("/api/auth/register", json=body)

    assert registered.status_code == 201, registered.text
    assert (await sign_in(client, "ann@example.com", password)).status_code == 200
    assert (await sign_in(client, "ann@example.com", password[:-1])).status_code == 401
    assert (await sign_in(client, "ann@example.com", password[:-1] + "?")).status_code == 401


async def test_one_word_typed_on_two_keyboards_is_one_password(client: httpx2.AsyncClient) -> None:
    composed, decomposed = "Caf\u00e9 \u00fcber alles", "Cafe\u0301 u\u0308ber alles"

    await client.post("/api/auth/register", json={"email": "ann@example.com", "password": composed})

    assert (await sign_in(client, "ann@example.com", decomposed)).status_code == 200


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 257, "😀" * 257, *COMMON, "ann.smith@example.com", "ANN.SMITH@Example.COM", "ann.smith"],
)
async def test_a_password_that_guesses_itself_is_refused_by_name(client: httpx2.AsyncClient, password: str) -> None:
    body = {"email": "ann.smith@example.com", "password": password}

    response = await client.post("/api/auth/register", json=body)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert [fault["field"] for fault in response.json()["fields"]] == ["password"]


@pytest.mark.parametrize("raw", [rb'"\ud800\ud800\ud800"', b"null", b"12345678", b'["correct horse"]', b'"\xff\xfe"'])
async def test_a_password_that_is_no_text_is_refused(client: httpx2.AsyncClient, raw: bytes) -> None:
    body = b'{"email": "ann@example.com", "password": ' + raw + b"}"

    response = await client.post("/api/auth/register", content=body, headers={"Content-Type": "application/json"})

    assert response.status_code in (400, 422)


async def test_a_new_password_is_held_to_the_same_rules(client: httpx2.AsyncClient, ann: Person) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": "password123"}

    response = await client.post("/api/auth/password", json=body, headers=ann.headers)

    assert (response.status_code, response.json()["fields"][0]["field"]) == (422, "newPassword")


async def test_with_another_pepper_a_stolen_table_of_hashes_is_worth_nothing(database_url: str) -> None:
    ours = Passwords(settings_for(database_url, password_pepper="salt is not enough"), Metrics())
    thiefs = Passwords(settings_for(database_url), Metrics())

    hashed = await ours.hash(PASSWORD)

    assert await ours.matches(PASSWORD, hashed)
    assert not await thiefs.matches(PASSWORD, hashed)
    ours.close()
    thiefs.close()
