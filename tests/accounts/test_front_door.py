"""Register, sign in, see who I am, sign out."""

from __future__ import annotations

import httpx2

from tests.conftest import PASSWORD, Person, Register


async def test_registering_signs_in_with_a_token_and_a_cookie(client: httpx2.AsyncClient) -> None:
    response = await client.post("/api/auth/register", json={"email": "Ann@Example.com", "password": PASSWORD})

    body = response.json()
    assert response.status_code == 201
    assert body["user"]["email"] == "ann@example.com"
    assert body["user"]["role"] == "user"
    assert body["user"]["createdAt"].endswith("Z")
    assert "httponly" in response.headers["set-cookie"].lower()
    assert (await client.get("/api/auth/me")).json()["user"] == body["user"]


async def test_an_address_can_be_registered_once_however_it_is_spelt(client: httpx2.AsyncClient, ann: Person) -> None:
    response = await client.post("/api/auth/register", json={"email": "  ANN@example.COM ", "password": PASSWORD})

    assert (response.status_code, response.json()["code"]) == (409, "email_taken")


async def test_signing_out_kills_this_token_and_no_other(client: httpx2.AsyncClient, ann: Person) -> None:
    login = await client.post("/api/auth/login", json={"email": ann.email, "password": PASSWORD})
    client.cookies.clear()
    second = {"Authorization": f"Bearer {login.json()['token']}"}

    assert (await client.post("/api/auth/logout", headers=ann.headers)).status_code == 204

    assert (await client.get("/api/auth/me", headers=ann.headers)).status_code == 401
    assert (await client.get("/api/auth/me", headers=second)).status_code == 200


async def test_a_wrong_password_and_an_unknown_address_are_told_apart_by_nobody(
    client: httpx2.AsyncClient, ann: Person
) -> None:
    wrong = await client.post("/api/auth/login", json={"email": ann.email, "password": "not the one"})
    unknown = await client.post("/api/auth/login", json={"email": "no@example.com", "password": "not the one"})

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["error"] == unknown.json()["error"]
    assert wrong.json()["code"] == unknown.json()["code"] == "wrong_credentials"
    assert "www-authenticate" in wrong.headers


async def test_two_people_do_not_see_each_other(client: httpx2.AsyncClient, register: Register) -> None:
    ann, bob = await register("ann@example.com"), await register("bob@example.com")

    seen = [(await client.get("/api/auth/me", headers=who.headers)).json()["user"]["id"] for who in (ann, bob)]

    assert seen == [ann.id, bob.id]
