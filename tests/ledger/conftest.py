from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from app.accounts import accounts
from app.db import Database
from app.ledger import audit, ledger
from tests.ledger.books import credit, debit, hold, settle
from tests.ledger.doctored import disarm


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """Whatever a test does with money, afterwards every promise about it still stands."""
    db = Database(database_url)
    await db.open()
    yield db
    async with db.read() as session:
        broken = await audit.differences(session)
    await db.close()
    assert broken == []


@pytest.fixture
def user_id() -> str:
    return "usr_ann"


@pytest_asyncio.fixture
async def ann(db: Database) -> str:
    return await person(db, "ann")


async def person(db: Database, name: str, tokens: int = 0) -> str:
    async with db.begin() as session:
        user = await accounts.create(session, f"{name}@example.com", "-", datetime.now(UTC))
        await ledger.open_account(session, user.id)
        if tokens:
            await ledger.credit(session, user.id, tokens, kind="welcome", reference=user.id)
    return user.id


@pytest_asyncio.fixture
async def doctored(database_url: str) -> AsyncIterator[Database]:
    """Guards off, with five entries, an open hold, one that ended, and a debt half paid. Nothing audits it."""
    db = Database(database_url)
    await db.open()
    ann = await person(db, "ann", 100)
    await hold(db, ann, "hld_open")
    await hold(db, ann, "hld_ended")
    await settle(db, "hld_ended", completion=4)
    await debit(db, ann, 200)
    await credit(db, ann, 50)
    await disarm(db)
    yield db
    await db.close()
