"""Leaving with a plan, an open purchase and tokens: nothing more is taken, and nothing is removed too early."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import Mount

from app.stripe_sandbox.till import Till
from tests.accounts.callers import status_of
from tests.billing.buying import MONTHLY, WELCOME, Buyer, books_of, kinds_of
from tests.billing.line import Line
from tests.leaving.going import leave
from tests.live import serve


@pytest.fixture
def line(till: Till) -> Line:
    return Line(till)


@pytest_asyncio.fixture
async def till_url(line: Line) -> AsyncIterator[str]:
    async with serve(Starlette(routes=[Mount("/", line)])) as url:
        yield url


async def test_the_plan_ends_and_open_purchases_expire_while_what_was_bought_stays_in_the_books(
    buyer: Buyer, hooked: None
) -> None:
    await buyer.pay("monthly")
    await buyer.begin("starter")

    answer = await leave(buyer.client, buyer.person)
    await buyer.till.settled()

    assert answer.status_code == 204
    assert [one["status"] for one in buyer.till.books.every("subscription")] == ["canceled"]
    assert {one["status"] for one in buyer.till.books.every("checkout.session")} == {"complete", "expired"}
    assert await kinds_of(buyer.services, buyer.person.id) == [("subscription", MONTHLY)]
    assert (await books_of(buyer.services, buyer.person.id)).balance == WELCOME + MONTHLY
    async with buyer.services.db.read() as session:
        states = [row["state"] for row in await session.rows("SELECT state FROM orders ORDER BY created_at, id")]
        role = await session.row("SELECT role FROM users WHERE id = $1", buyer.person.id)
    assert (sorted(states), role and role["role"]) == (["ended", "expired"], "user")


async def test_while_stripe_is_away_nothing_is_removed_and_the_next_try_goes_through(
    buyer: Buyer, hooked: None, line: Line
) -> None:
    await buyer.pay("monthly")
    line.next = [500] * 3

    refused = await leave(buyer.client, buyer.person)

    assert (refused.status_code, refused.json()["code"]) == (502, "payments_failed")
    assert await status_of(buyer.client, buyer.person.headers) == 200
    assert await buyer.role() == "subscriber"
    line.next = []
    assert (await leave(buyer.client, buyer.person)).status_code == 204
