from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from starlette.applications import Starlette

from app.ledger import audit, ledger
from app.services import Services
from tests.chat.callers import Caller, calling
from tests.conftest import Person
from tests.waiting import eventually


@pytest_asyncio.fixture
async def caller(live_url: str, ann: Person, app: Starlette, services: Services) -> AsyncIterator[Caller]:
    """Ann. When she is done, every reply has ended, no token is still held, and the books are right."""
    async with calling(live_url, ann, app) as caller:
        yield caller
    await require_order(services)


async def require_order(services: Services) -> None:
    await eventually(lambda: not services.turns.running)
    assert not services.turns.lost
    async with services.db.read() as session:
        assert await audit.differences(session) == []
        assert await session.rows("SELECT user_id, held FROM ledger_accounts WHERE held <> 0") == []
        assert await session.rows("SELECT id FROM turns WHERE state = 'running'") == []
        assert await session.rows("SELECT id FROM messages WHERE status = 'streaming'") == []


async def grant(services: Services, user_id: str, tokens: int, reference: str = "a gift") -> None:
    async with services.db.begin() as session:
        await ledger.credit(session, user_id, tokens, kind="adjustment", reference=f"{user_id} {reference}")
