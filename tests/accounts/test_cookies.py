"""A browser's cookie: out of reach of scripts, and worth nothing in another site's hands."""

from __future__ import annotations

import httpx2
import pytest
from starlette.applications import Starlette

from tests.accounts.callers import caller
from tests.conftest import PASSWORD, Person

pytestmark = pytest.mark.either_engine

LOGOUT, ME = "/api/auth/logout", "/api/auth/me"
OURS = [
    {"Origin": "http://app"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://app", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://127.0.0.1:8000"},
]
THEIRS = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://app.evil.example"},
    {"Origin": "http://app:81"},
    {"Origin": "https://app"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://app"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
]


async def _sign_in(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    response = await client.post("/api/auth/login", json={"email": person.email, "password": PASSWORD})
    assert response.status_code == 200, response.text
    return response


@pytest.mark.parametrize("headers", THEIRS, ids=str)
async def test_another_site_does_nothing_with_the_cookie(
    client: httpx2.AsyncClient, ann: Person, headers: dict[str, str]
) -> None:
    await _sign_in(client, ann)

    refused = await client.post(LOGOUT, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    assert (await client.get(ME, headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", OURS, ids=str)
async def test_our_own_pages_act_with_the_cookie(
    client: httpx2.AsyncClient, ann: Person, headers: dict[str, str]
) -> None:
    cookie = (await _sign_in(client, ann)).cookies["session"]

    response = await client.post(LOGOUT, headers=headers)

    assert response.status_code == 204
    assert "session" not in client.cookies
    client.cookies.set("session", cookie)
    assert (await client.get(ME)).status_code == 401


@pytest.mark.parametrize("headers", THEIRS, ids=str)
async def test_a_bearer_token_needs_no_origin(client: httpx2.AsyncClient, ann: Person, headers: dict[str, str]) -> None:
    response = await client.post(LOGOUT, headers={**ann.headers, **headers})

    assert response.status_code == 204


async def test_in_the_clear_the_cookie_is_out_of_reach_of_scripts(client: httpx2.AsyncClient, ann: Person) -> None:
    cookie = (await _sign_in(client, ann)).headers["set-cookie"]

    assert cookie.startswith("session=ey")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=604800"} <= set(cookie.split("; "))


async def test_over_tls_the_cookie_is_bound_to_this_host(app: Starlette, ann: Person) -> None:
    async with caller(app, base_url="https://app") as client:
        cookie = (await _sign_in(client, ann)).headers["set-cookie"]
        me = await client.get(ME)
        out = await client.post(LOGOUT, headers={"Origin": "https://app"})

    assert cookie.startswith("__Host-session=ey")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))
    assert "domain" not in cookie.lower()
    assert (me.status_code, out.status_code) == (200, 204)


async def test_a_bearer_token_outranks_the_cookie(client: httpx2.AsyncClient, ann: Person, bob: Person) -> None:
    await _sign_in(client, ann)

    as_bob = await client.get(ME, headers=bob.headers)
    as_nobody = await client.get(ME, headers={"Authorization": "Bearer nonsense"})

    assert as_bob.json()["user"]["id"] == bob.id
    assert as_nobody.status_code == 401


async def test_a_cookie_that_is_no_token_opens_nothing(client: httpx2.AsyncClient) -> None:
    cookies = [b"session=" + text for text in (b"", b"x", b'"', b"a;b", b"\xe9")]

    answers = [await client.get(ME, headers=[(b"Cookie", cookie)]) for cookie in cookies]

    assert [answer.status_code for answer in answers] == [401] * 5
