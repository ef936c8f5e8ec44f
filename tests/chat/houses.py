"""A whole server for a while, so that a test can start it a second time on the same database; and another worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from app.chat.recovery import Recovery
from app.chat.turns import Turns
from app.clock import Clock
from app.main import create_app
from app.providers.provider import Provider
from app.services import Services
from app.settings import Settings
from tests.live import serve


@asynccontextmanager
async def house(settings: Settings, clock: Clock, *providers: Provider) -> AsyncIterator[tuple[str, Starlette]]:
    app = create_app(settings, clock=clock, providers={provider.name: provider for provider in providers})
    async with app.router.lifespan_context(app), serve(app) as url:
        yield url, app


def another_worker(its: Services) -> Recovery:
    """The recovery of one that shares the database with ours, and runs nothing itself."""
    turns = Turns(its.settings, its.clock, its.db, its.meter, its.models, its.replies, its.titles.after, its.relay)
    return Recovery(its.settings, its.clock, its.db, its.meter, its.models, turns)
