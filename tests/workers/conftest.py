from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.databases import Databases
from tests.ledger.clients import DEEP
from tests.workers.house import House, house

TURNS_MAX = 12
TEST_SECONDS_MAX = 1800 if DEEP else 120


def pytest_itemcollected(item: pytest.Item) -> None:
    """A stream that does not end fails its test, and holds up no other."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = _in_time(item.obj)


def _in_time(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def in_time(**fixtures: Any) -> None:
        async with asyncio.timeout(TEST_SECONDS_MAX):
            await test(**fixtures)

    return in_time


@pytest.fixture(scope="session")
def two(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Started once; a test that breaks something mends it."""
    if databases.kind != "postgres":
        pytest.skip("SQLite serves one worker.")
    folder = tmp_path_factory.mktemp("house")
    with house(folder, databases.fresh(folder), TURNS_PER_USER_MAX=str(TURNS_MAX)) as found:
        found.start(2)
        yield found
