"""What only SQLite can do wrong: locks between processes, a full disk, a second server, one commit for many."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.db import ConstraintViolated, Database, DatabaseInUse, DatabaseUnavailable
from tests.engines.conftest import ids
from tests.waiting import WAIT_SECONDS_MAX

INSERT = "INSERT INTO things (id) VALUES ($1)"
OWNED = "CREATE TABLE owned (thing INTEGER REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)"


async def being_committed(unit: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Begins it, and returns in the middle of its COMMIT: nobody else shares that any more."""
    task = asyncio.create_task(unit)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_units_that_wait_together_share_a_commit(sqlite: Database, tmp_path: Path) -> None:
    wal = tmp_path / "things.db-wal"

    async def unit(number: int) -> None:
        async with sqlite.begin() as session:
            await session.run(INSERT, number)

    before = wal.stat().st_size
    await asyncio.gather(*(unit(number) for number in range(1, 101)))
    together = wal.stat().st_size - before
    before = wal.stat().st_size
    for number in range(101, 201):
        await unit(number)
    one_by_one = wal.stat().st_size - before

    assert len(await ids(sqlite)) == 200
    assert together * 5 < one_by_one


async def test_units_of_one_moment_share_a_commit(sqlite: Database, tmp_path: Path) -> None:
    """Nobody waits when the first of them ends, and yet the others come before its COMMIT has begun."""
    wal = tmp_path / "things.db-wal"

    async def unit(number: int) -> None:
        async with sqlite.begin() as session:
            await session.run(INSERT, number)

    before = wal.stat().st_size
    await unit(1)
    alone = wal.stat().st_size - before
    before = wal.stat().st_size
    await asyncio.gather(unit(2), unit(3), unit(4))

    assert wal.stat().st_size - before == alone


async def test_it_is_as_durable_as_sqlite_can_be(sqlite: Database) -> None:
    async with sqlite.begin() as session:
        found = [
            (await session.rows(f"PRAGMA {name}"))[0][0] for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert found == ["wal", 2, 1]


async def test_a_second_server_on_the_same_file_is_refused_and_a_third_may_follow(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    first, second, third = Database(url), Database(url), Database(url)
    await first.open(exclusive=True)

    with pytest.raises(DatabaseInUse, match=r"one\.db"):
        await second.open(exclusive=True)
    await first.close()
    await third.open(exclusive=True)

    await third.close()


async def test_another_process_that_writes_for_a_moment_is_waited_for(sqlite: Database, tmp_path: Path) -> None:
    holding, ticks = threading.Event(), 0

    def hold_the_lock() -> None:
        other = sqlite3.connect(tmp_path / "things.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        holding.set()
        time.sleep(0.3)
        other.execute("COMMIT")
        other.close()

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    other = threading.Thread(target=hold_the_lock)
    other.start()
    await asyncio.to_thread(holding.wait)
    ticking = asyncio.create_task(tick())
    async with sqlite.begin() as session:
        await session.run(INSERT, 1)
    ticking.cancel()
    other.join()

    assert await ids(sqlite) == [1]
    assert ticks >= 10, "the event loop went on while the lock was waited for"


async def test_a_unit_inside_a_unit_is_a_mistake_that_is_named(sqlite: Database) -> None:
    with pytest.raises(RuntimeError, match="inside another one"):
        async with sqlite.begin(), sqlite.begin():
            pass

    async with sqlite.begin() as session:
        await session.run(INSERT, 1)
    assert await ids(sqlite) == [1]


async def test_a_reading_session_cannot_write(sqlite: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        async with sqlite.read() as session:
            await session.rows("INSERT INTO things (id) VALUES (1) RETURNING id")

    assert await ids(sqlite) == []


async def test_what_a_unit_may_have_to_put_back_needs_no_file(sqlite: Database) -> None:
    """A savepoint keeps the pages that change after it; with more than 64 KiB of them SQLite would open a file."""
    async with sqlite.begin() as session:
        await session.run("CREATE TABLE wide (words TEXT)")
        for _ in range(100):
            await session.run("INSERT INTO wide VALUES (hex(zeroblob(1500)))")
    before = opened_files()

    with suppress(KeyError):
        async with sqlite.begin() as session:
            await session.run("UPDATE wide SET words = 'x' || words")
            during = opened_files()
            raise KeyError

    assert during == before
    async with sqlite.read() as session:
        assert (await session.rows("SELECT count(*) FROM wide WHERE words LIKE 'x%'"))[0][0] == 0


def opened_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_full_disk_refuses_loses_nothing_it_promised_and_recovers(sqlite: Database) -> None:
    kept: list[int] = []

    async def unit(number: int) -> None:
        async with sqlite.begin() as session:
            await session.run(INSERT, number)
        kept.append(number)

    async with sqlite.begin() as session:
        pages = (await session.rows("PRAGMA page_count"))[0][0]
        await session.rows(f"PRAGMA max_page_count={pages + 2}")
    outcomes = await asyncio.gather(*(unit(number) for number in range(2000)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]

    assert refused
    assert {type(outcome) for outcome in refused} == {DatabaseUnavailable}
    assert set(kept) <= set(await ids(sqlite))
    assert set(kept) == set(await ids(sqlite))
    async with sqlite.begin() as session:
        await session.rows("PRAGMA max_page_count=1000000")
    await unit(5000)
    assert 5000 in await ids(sqlite)


@pytest.mark.parametrize("steps", range(8))
async def test_whoever_leaves_just_as_its_turn_comes_lets_the_next_one_in(sqlite: Database, steps: int) -> None:
    """After the first one's commit there is in every step one whose turn came and who has not yet taken it."""

    async def unit(number: int) -> None:
        async with sqlite.begin() as session:
            await session.run(INSERT, number)

    first = await being_committed(unit(1))
    tasks = [first, *(asyncio.create_task(unit(number)) for number in range(2, 21))]
    await first
    for _ in range(steps):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    left = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.wait_for(unit(99), WAIT_SECONDS_MAX)

    assert any(isinstance(how, asyncio.CancelledError) for how in left)
    kept = [number for number, how in enumerate(left, start=1) if how is None]
    assert {*kept, 99} <= set(await ids(sqlite))


async def test_a_commit_that_fails_is_told_to_whoever_waits_for_it_and_keeps_nothing(sqlite: Database) -> None:
    """A deferred key is looked at by COMMIT alone, so it makes one fail at will."""
    async with sqlite.begin() as session:
        await session.run(OWNED)
    happened: list[str] = []

    async def unit(statement: str) -> None:
        async with sqlite.begin() as session:
            session.after_commit(lambda: happened.append(statement))
            await session.run(statement)

    # While the first is being committed, the other two come together in the next commit.
    first, second, wrong, later = (
        *(f"INSERT INTO things (id) VALUES ({number})" for number in (1, 2)),
        "INSERT INTO owned (thing) VALUES (7)",
        "INSERT INTO things (id) VALUES (3)",
    )
    alone = await being_committed(unit(first))
    outcomes = await asyncio.gather(alone, unit(second), unit(wrong), return_exceptions=True)
    await unit(later)

    assert [type(outcome) for outcome in outcomes] == [type(None), ConstraintViolated, ConstraintViolated]
    assert happened == [first, later]
    assert await ids(sqlite) == [1, 3]


async def test_writers_readers_and_an_online_backup_never_lock_each_other_out(sqlite: Database, tmp_path: Path) -> None:
    deadline = time.monotonic() + 2

    async def write(writer: int) -> int:
        number = 0
        while time.monotonic() < deadline:
            async with sqlite.begin() as session:
                await session.run(INSERT, writer * 10_000 + number)
            number += 1
        return number

    async def read() -> None:
        while time.monotonic() < deadline:
            async with sqlite.read() as session:
                await session.rows("SELECT count(*) FROM things")

    def back_up() -> int:
        source, copy = sqlite3.connect(tmp_path / "things.db"), sqlite3.connect(tmp_path / "copy.db")
        while time.monotonic() < deadline:
            source.backup(copy, pages=50)
        (found,) = copy.execute("SELECT count(*) FROM things").fetchone()
        source.close()
        copy.close()
        return int(found)

    writing = asyncio.gather(*(write(writer) for writer in range(64)))
    reading = asyncio.gather(*(read() for _ in range(4)))
    backed_up = await asyncio.to_thread(back_up)
    written, _ = await writing, await reading

    assert len(await ids(sqlite)) == sum(written)
    assert backed_up > 0


async def test_whoever_only_glances_cannot_write(sqlite: Database) -> None:
    async with sqlite.glance() as session:
        with pytest.raises(ConstraintViolated):
            await session.run(INSERT, 1)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await session.rows(f"{INSERT} RETURNING id", 1)

    assert await ids(sqlite) == []
