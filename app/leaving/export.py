"""Everything that is known about somebody, as one JSON object in pieces, of which none is large."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from app.accounts import accounts, sessions
from app.accounts.shapes import SessionOut
from app.billing import orders, overview, subscriptions
from app.billing.shop import Shop
from app.billing.tables import Order
from app.conversations import export as talks
from app.db import Database, Session
from app.edge import paging
from app.edge.paging import LIMIT_MAX, Page, Place
from app.edge.shapes import Out
from app.leaving.shapes import BookedOut, BoughtOut, ProfileOut, SubscribedOut, UsedOut
from app.ledger import ledger, statement, usage
from app.ledger.chain import as_text

Item = TypeVar("Item")
Read = Callable[[Session, Page], Awaitable[Sequence[Item]]]


def name(now: datetime) -> str:
    return f"prome-{now:%Y-%m-%d}.json"


async def everything(shop: Shop, user_id: str, sign_in_id: str) -> AsyncIterator[str]:
    db = shop.db
    yield f'{{"exportedAt":"{as_text(shop.clock.now())}",{await _about(db, user_id)}'
    lists = {
        "sessions": _sessions(shop, user_id, sign_in_id),
        "orders": _orders(shop, user_id),
        "statement": _statement(db, user_id),
        "usage": _usage(shop, user_id),
    }
    for title, pieces in lists.items():
        between = f',"{title}":['
        async for piece in pieces:
            yield between + piece
            between = ","
        yield f"{between}]" if between != "," else "]"
    yield ',"conversations":['
    async for piece in talks.all_of(db, user_id):
        yield piece
    yield "]}"


async def _about(db: Database, user_id: str) -> str:
    async with db.read() as session:
        user, has = await accounts.by_id(session, user_id), await ledger.balance(session, user_id)
        plan = await subscriptions.of_user(session, user_id)
    profile = ProfileOut.model_validate(
        {**user.model_dump(), "balance": has.balance, "held": has.held, "owed": has.owed}
    ).model_dump_json()
    subscribed = SubscribedOut.model_validate(plan.model_dump()).model_dump_json() if plan else "null"
    return f'"profile":{profile},"plan":{subscribed}'


def _sessions(shop: Shop, user_id: str, sign_in_id: str) -> AsyncIterator[str]:
    now = shop.clock.now()
    return _pages(
        shop.db,
        lambda session, page: sessions.open_ones(session, user_id, page, now),
        lambda one: (one.created_at, one.id),
        lambda one: SessionOut.model_validate({**one.model_dump(), "current": one.id == sign_in_id}),
    )


def _usage(shop: Shop, user_id: str) -> AsyncIterator[str]:
    now = shop.clock.now()
    return _pages(
        shop.db,
        lambda session, page: usage.listed(session, user_id, page, now),
        lambda row: (row["created_at"], row["id"]),
        lambda row: UsedOut.model_validate(dict(row)),
    )


async def _orders(shop: Shop, user_id: str) -> AsyncIterator[str]:
    async def bought(session: Session, order: Order) -> BoughtOut:
        found = await overview.of_order(session, shop, order)
        sums = {"tokens_granted": found.tokens_granted, "tokens_returned": found.tokens_returned}
        return BoughtOut.model_validate({**order.model_dump(), **sums, "cents_returned": found.cents_returned})

    page: Page | None = Page(limit=LIMIT_MAX)
    before = shop.clock.now() + timedelta(days=1)
    while page:
        async with shop.db.read() as session:
            found = await orders.of_user(session, user_id, page, before)
            shown, cursor = paging.cut(found, page, lambda order: (order.created_at, order.id))
            made = [await bought(session, order) for order in shown]
        if made:
            yield _joined(made)
        page = Page(limit=LIMIT_MAX, cursor=cursor) if cursor else None


async def _statement(db: Database, user_id: str) -> AsyncIterator[str]:
    async with db.read() as session:
        within = await statement.between(session, user_id, None, None)
    seen = 0
    while seen < within.last:
        async with db.read() as session:
            found = await statement.entries(session, user_id, within, after=seen, limit=LIMIT_MAX)
        yield _joined([BookedOut.model_validate(entry.model_dump()) for entry in found])
        seen = found[-1].sequence


async def _pages(
    db: Database, read: Read[Item], place: Callable[[Item], Place], shown_as: Callable[[Item], Out]
) -> AsyncIterator[str]:
    page: Page | None = Page(limit=LIMIT_MAX)
    while page:
        async with db.read() as session:
            found = await read(session, page)
        shown, cursor = paging.cut(found, page, place)
        if shown:
            yield _joined([shown_as(item) for item in shown])
        page = Page(limit=LIMIT_MAX, cursor=cursor) if cursor else None


def _joined(made: Sequence[Out]) -> str:
    return ",".join(one.model_dump_json() for one in made)
