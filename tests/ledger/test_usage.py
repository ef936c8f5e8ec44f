"""What replies used, read back: whose it is, what is in it and what is not, and the newest of what was carried on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from app.db import Database
from app.edge.paging import Page
from app.ledger import usage
from app.ledger.ledger import Terms
from app.ledger.rates import Rates
from tests.ledger.books import credit, hold, release, settle
from tests.ledger.conftest import person

PAGE = Page.model_validate({"limit": 10})
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def ann(db: Database) -> str:
    """Two replies in one message, one of another that was released, one that was free, and tokens for the second's."""
    ann = await person(db, "ann", 1000)
    for hold_id, message, rates in (
        ("hld_z", "msg_1", Rates()),
        ("hld_a", "msg_1", Rates()),
        ("hld_released", "msg_2", Rates()),
        ("hld_free", "msg_3", Rates(0, 0)),
    ):
        await hold(db, ann, hold_id, of=Terms(10, 90, rates, model="small", message_id=message))
    await settle(db, "hld_z", 10, 1)
    await settle(db, "hld_a", 10, 2)
    await release(db, "hld_released")
    await settle(db, "hld_free", 10, 3)
    await credit(db, ann, 5, kind="adjustment", reference="hld_a")
    return ann


@pytest_asyncio.fixture
async def bob(db: Database) -> str:
    """Somebody else, who used far more."""
    bob = await person(db, "bob", 1000)
    await hold(db, bob, "hld_bob", of=Terms(10, 900, Rates(), model="small", message_id="msg_1"))
    await settle(db, "hld_bob", 10, 500)
    return bob


async def test_the_list_has_ones_own_replies_that_cost_something(db: Database, ann: str, bob: str) -> None:
    async with db.read() as session:
        found = await usage.listed(session, ann, PAGE, datetime.now(UTC))

    assert [(row["id"], row["charged"]) for row in found] == [("hld_a", 12), ("hld_z", 11)]


async def test_the_chart_adds_up_ones_own_replies_that_cost_something(db: Database, ann: str, bob: str) -> None:
    async with db.read() as session:
        [day] = await usage.daily(session, ann, LONG_AGO)
        none = await usage.daily(session, ann, datetime.now(UTC) + timedelta(days=1))

    assert none == []
    assert {name: int(day[name]) for name in ("prompt_tokens", "completion_tokens", "tokens_used", "replies")} == {
        "prompt_tokens": 20,
        "completion_tokens": 3,
        "tokens_used": 23,
        "replies": 2,
    }


async def test_of_a_message_that_was_carried_on_the_newest_receipt_is_shown(db: Database, ann: str, bob: str) -> None:
    async with db.read() as session:
        by_message = await usage.receipt(session, ann, "msg_1")
        by_itself = await usage.receipt(session, ann, "hld_z")

    assert by_message is not None
    assert by_itself is not None
    assert (by_message["id"], by_itself["id"]) == ("hld_a", "hld_z")


@pytest.mark.parametrize("name", ["hld_bob", "msg_2 ", "hld_unknown"])
async def test_there_is_no_receipt_for_what_is_not_ones_own(db: Database, ann: str, bob: str, name: str) -> None:
    async with db.read() as session:
        assert await usage.receipt(session, ann, name) is None


async def test_there_is_a_receipt_for_what_cost_nothing(db: Database, ann: str) -> None:
    async with db.read() as session:
        released, free = [await usage.receipt(session, ann, name) for name in ("msg_2", "msg_3")]

    assert released is not None
    assert free is not None
    assert (released["outcome"], released["charged"], released["sequence"]) == ("released", 0, None)
    assert (free["outcome"], free["charged"], free["completion_tokens"], free["sequence"]) == ("settled", 0, 3, None)
