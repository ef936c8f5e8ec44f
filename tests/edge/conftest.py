from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from starlette.applications import Starlette

from app.settings import Settings
from tests.edge.rows import running
from tests.fakes.clock import FakeClock
from tests.observability.lines import Lines, logged


@pytest_asyncio.fixture
async def app(settings: Settings, clock: FakeClock) -> AsyncIterator[Starlette]:
    """The real one, with rows that misbehave on purpose."""
    async with running(settings, clock=clock) as app:
        yield app


@pytest.fixture
def lines(settings: Settings) -> Iterator[Lines]:
    with logged(settings) as lines:
        yield lines
