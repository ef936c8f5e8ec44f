"""From nothing to today's tables and back, by one server at a time, all of it or nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from app import migrations
from tests.databases import Databases
from tests.described import describe, run_script


@pytest.fixture
def empty_url(databases: Databases, tmp_path: Path) -> str:
    return databases.fresh(tmp_path, migrated=False)


def upgrade(url: str, revision: str = "head") -> None:
    asyncio.run(migrations.upgrade(url, revision))


def downgrade(url: str, revision: str) -> None:
    asyncio.run(migrations.downgrade(url, revision))


def current(url: str) -> str | None:
    return asyncio.run(migrations.current(url))


def test_there_is_one_newest_revision_and_one_way_to_it() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))

    assert scripts.get_heads() == [migrations.head()]
    assert len(scripts.get_bases()) == 1


def test_a_new_database_is_nowhere_and_then_at_the_newest_revision(empty_url: str) -> None:
    before = current(empty_url)

    upgrade(empty_url)

    assert before is None
    assert current(empty_url) == migrations.head()
    assert "users" in describe(empty_url)


def test_a_new_file_has_small_pages_and_an_older_one_keeps_its_own(tmp_path: Path) -> None:
    """As a file from before the pages were small, which has tables already."""
    for name in ("new.db", "older.db"):
        with closing(sqlite3.connect(tmp_path / name)) as raw:
            if name == "older.db":
                raw.execute("CREATE TABLE something (id)")
        upgrade(f"sqlite+aiosqlite:///{tmp_path / name}")

    assert page_bytes(tmp_path / "new.db") == migrations.PAGE_BYTES == 2048
    assert page_bytes(tmp_path / "older.db") == 4096


def page_bytes(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        (found,) = raw.execute("PRAGMA page_size").fetchone()
    return int(found)


def test_every_step_down_undoes_its_step_up(empty_url: str) -> None:
    """Step by step, because a downgrade that forgets a table is only seen by the step that made it."""
    steps = [known.revision for known in ScriptDirectory(str(Path(migrations.__file__).parent)).walk_revisions()][::-1]
    seen = [describe(empty_url)]
    for step in steps:
        upgrade(empty_url, step)
        seen.append(describe(empty_url))

    for before in reversed(seen[:-1]):
        downgrade(empty_url, "-1")
        assert describe(empty_url) == before

    assert current(empty_url) is None
    assert describe(empty_url) == {}


def test_what_went_down_to_nothing_can_come_up_again(databases: Databases, tmp_path: Path) -> None:
    url = databases.fresh(tmp_path)
    before = describe(url)

    downgrade(url, "base")
    upgrade(url)

    assert describe(url) == before


def test_upgrading_what_is_up_to_date_changes_nothing(databases: Databases, tmp_path: Path) -> None:
    url = databases.fresh(tmp_path)
    before = describe(url)

    upgrade(url)

    assert (describe(url), current(url)) == (before, migrations.head())


def test_servers_that_start_together_migrate_once(empty_url: str) -> None:
    async def together() -> None:
        await asyncio.gather(*(migrations.upgrade(empty_url) for _ in range(4)))

    asyncio.run(together())

    assert current(empty_url) == migrations.head()


def test_a_migration_that_fails_half_way_leaves_nothing_behind(empty_url: str) -> None:
    """A table of a later statement is in the way, so the earlier statements have already run."""
    run_script(empty_url, "CREATE TABLE idempotency_keys (theirs INTEGER)")
    before = describe(empty_url)

    with pytest.raises(SQLAlchemyError, match="already exists"):
        upgrade(empty_url)

    assert describe(empty_url) == before
    assert current(empty_url) is None


def test_a_migration_that_failed_works_when_the_cause_is_gone(empty_url: str) -> None:
    run_script(empty_url, "CREATE TABLE idempotency_keys (theirs INTEGER)")
    with pytest.raises(SQLAlchemyError):
        upgrade(empty_url)

    run_script(empty_url, "DROP TABLE idempotency_keys")
    upgrade(empty_url)

    assert current(empty_url) == migrations.head()


def test_a_revision_from_a_newer_version_is_not_known() -> None:
    assert migrations.knows(migrations.head())
    assert not migrations.knows("9999")


def test_there_is_no_step_down_from_nothing(empty_url: str) -> None:
    with pytest.raises(CommandError):
        downgrade(empty_url, "-1")
