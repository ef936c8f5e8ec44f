"""From the till one comes back to where one is signed in, and a production has but one address."""

from __future__ import annotations

import httpx2
import pytest

from tests.billing.buying import Buyer

PUBLIC = "https://prome.example"
SAFE = {"environment": "production", "frontend_url": PUBLIC, "jwt_secret": "x" * 40, "bcrypt_cost": 10}


@pytest.mark.parametrize(
    ("more_settings", "came_by", "address"),
    [
        ({}, "localhost:8000", "http://localhost:8000"),
        ({}, "127.0.0.1:8000", "http://127.0.0.1:8000"),
        ({}, "[::1]:8000", "http://[::1]:8000"),
        ({"frontend_url": f"{PUBLIC}/"}, "localhost:8000", PUBLIC),
        ({"frontend_url": PUBLIC}, "prome.example", PUBLIC),
        (SAFE, "localhost:8000", PUBLIC),
        ({"environment": "production"}, "localhost:8000", "http://127.0.0.1:8000"),
    ],
)
async def test_the_ways_back_are_at_the_address_that_is_set_or_else_at_the_one_came_by(
    buyer: Buyer, came_by: str, address: str
) -> None:
    await buyer.post("checkout", json={"packageId": "starter"}, headers={"Host": came_by})
    await buyer.post("portal", headers={"Host": came_by})

    session, portal = buyer.till.books.every("checkout.session")[0], buyer.till.books.every("billing_portal.session")[0]
    assert session["success_url"] == f"{address}/billing?session_id={{CHECKOUT_SESSION_ID}}"
    assert session["cancel_url"] == portal["return_url"] == f"{address}/billing"


async def test_the_page_of_the_till_lets_the_browser_go_where_it_came_from(buyer: Buyer) -> None:
    begun = await buyer.post("checkout", json={"packageId": "starter"}, headers={"Host": "localhost:8000"})

    async with httpx2.AsyncClient() as browser:
        page = await browser.get(begun.json()["url"])

    assert "form-action 'self' http://localhost:8000" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("stranger", ["evil.example", "localhost.evil.example:8000", "localhost@evil.example"])
async def test_a_name_that_is_not_ours_begins_nothing(buyer: Buyer, stranger: str) -> None:
    answer = await buyer.post("checkout", json={"packageId": "starter"}, headers={"Host": stranger})

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")
    assert buyer.till.books.every("checkout.session") == []
