from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import Databases
from tests.workers.house import House, house

TURNS_MAX = 12


@pytest.fixture(scope="session")
def two(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Started once; a test that breaks something mends it."""
    if databases.kind != "postgres":
        pytest.skip("SQLite serves one worker.")
    folder = tmp_path_factory.mktemp("house")
    with house(folder, databases.fresh(folder), TURNS_PER_USER_MAX=str(TURNS_MAX)) as found:
        found.start(2)
        yield found
