"""One spelling for one mailbox, and a plain refusal for what is none."""

from __future__ import annotations

import httpx2
import pytest

from app.accounts.accounts import normal_email
from tests.conftest import PASSWORD

SPELLINGS = [
    ("ann@example.com", "ann@example.com"),
    ("  ANN@Example.COM\t", "ann@example.com"),
    ("ann+chat@example.com", "ann+chat@example.com"),
    ("ann.o'neil@example.com", "ann.o'neil@example.com"),
    ("a@b.co", "a@b.co"),
    ("ann@MÜNCHEN.example", "ann@münchen.example"),
    ("ann@xn--mnchen-3ya.de", "ann@münchen.de"),
    ("ann@EXAMPLE。com", "ann@example.com"),
    ("e\u0301ric@example.com", "\u00e9ric@example.com"),
    ("ÉRIC@example.com", "éric@example.com"),
    ("用户@例子.广告", "用户@例子.广告"),
    ("Straße@example.com", "straße@example.com"),
    ("ann@straße.de", "ann@straße.de"),
    ("1234567890@example.com", "1234567890@example.com"),
]
REFUSED = [
    "",
    "ann",
    "@example.com",
    "ann@",
    "ann@@example.com",
    "ann@localhost",
    "ann@127.0.0.1",
    "ann@[127.0.0.1]",
    "ann@example..com",
    "ann@-example.com",
    "ann@exa_mple.com",
    ".ann@example.com",
    "ann..smith@example.com",
    "ann smith@example.com",
    '"ann smith"@example.com',
    "Ann <ann@example.com>",
    "ann@example.com\nBcc: bob@example.com",
    "ann@example.com, bob@example.com",
    "ann\x00@example.com",
    "ann\u200b@example.com",
    "ann@\u202eexample.com",
    "ann@" + "a" * 64 + ".com",
    "a" * 250 + "@example.com",
]


@pytest.mark.parametrize(("typed", "kept"), [pytest.param(*pair, id=ascii(pair[0])) for pair in SPELLINGS])
async def test_an_address_is_kept_in_its_normal_form(client: httpx2.AsyncClient, typed: str, kept: str) -> None:
    response = await client.post("/api/auth/register", json={"email": typed, "password": PASSWORD})

    assert response.status_code == 201, response.text
    assert response.json()["user"]["email"] == kept
    assert normal_email(kept) == kept


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/login"])
@pytest.mark.parametrize("email", [pytest.param(email, id=ascii(email)[:40]) for email in REFUSED])
async def test_what_is_no_address_is_refused_by_name(client: httpx2.AsyncClient, path: str, email: str) -> None:
    response = await client.post(path, json={"email": email, "password": PASSWORD})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["fields"][0]["field"] == "email"


def test_letters_that_only_look_alike_in_capitals_are_two_mailboxes() -> None:
    assert normal_email("straße@example.com") != normal_email("strasse@example.com")
    assert normal_email("\u017fam@example.com") != normal_email("sam@example.com")
