"""A full disk: what cannot be kept is refused, what was promised is kept, and with space it goes on at once."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.db import Database, DatabaseUnavailable
from tests.databases import Databases
from tests.ledger.books import balance, rows
from tests.ledger.client import perform, used_by
from tests.ledger.clients import faults
from tests.ledger.conftest import person

CLIENTS = 16
REFUSALS = 40
# More than the log takes before it is folded into the file, so that it is the ballast that fills the disk.
SPACE = 32 * 1024 * 1024
Kept = list[tuple[str, str]]
Change = Callable[[], Awaitable[None]]


@pytest.fixture
def sqlite_file(databases: Databases, database_url: str) -> Path:
    if databases.kind != "sqlite":
        pytest.skip("The disk of a Postgres is not this process's.")
    return Path(database_url.partition(":///")[2])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("Only root on Linux can make a small disk.")
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SPACE}", "tmpfs", str(folder)], check=False)
    if made.returncode:
        pytest.skip("This system lets nobody mount a small disk.")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.usefixtures("sqlite_file")
async def test_a_file_that_may_not_grow_refuses_and_keeps_its_promises(db: Database) -> None:
    async def free() -> None:
        async with db.begin() as session:
            await session.rows("PRAGMA max_page_count=1000000")

    async def fill() -> None:
        """The bound stands at once; who comes next may run into it and take this unit's transaction along."""
        with suppress(DatabaseUnavailable):
            async with db.begin() as session:
                (now,) = (await session.rows("PRAGMA page_count"))[0]
                await session.rows(f"PRAGMA max_page_count={now + 1}")

    await fills_up_and_recovers(db, fill=fill, free=free)


async def test_a_small_disk_refuses_and_keeps_its_promises(small_disk: Path, sqlite_file: Path) -> None:
    shutil.copyfile(sqlite_file, small_disk / "small.db")
    db, ballast = Database(f"sqlite+aiosqlite:///{small_disk}/small.db"), small_disk / "ballast"
    await db.open()

    async def fill() -> None:
        """The clients write meanwhile, so the disk may be full before the last of this."""
        left = os.statvfs(small_disk)
        with suppress(OSError):
            ballast.write_bytes(b"x" * (left.f_bavail * left.f_frsize - random.randrange(4096, 65536)))

    async def free() -> None:
        ballast.unlink()

    try:
        await fills_up_and_recovers(db, fill=fill, free=free)
    finally:
        await db.close()


async def fills_up_and_recovers(db: Database, *, fill: Change, free: Change) -> None:
    ann = await person(db, "ann", 1_000_000)
    kept: Kept = []
    refused: list[BaseException] = []
    busy, enough = asyncio.Event(), random.randrange(CLIENTS * 2, CLIENTS * 40)

    async def work(client: int) -> None:
        number = 0
        while len(refused) < REFUSALS:
            number += 1
            for what in ("credit", "hold", "settle"):
                reference = f"c{client}-{number}"
                try:
                    await perform(db, what, ann, reference)
                    kept.append((what, reference))
                    if len(kept) >= enough:
                        busy.set()
                except DatabaseUnavailable as error:
                    refused.append(error)
                    await asyncio.sleep(0)
                    break

    async def fill_later() -> None:
        await busy.wait()
        await fill()

    async with asyncio.timeout(30):
        await asyncio.gather(fill_later(), *(work(client) for client in range(CLIENTS)))
    full = await lost(db, kept)
    await free()
    again = await perform(db, "credit", ann, "again")

    assert [error.status for error in refused if isinstance(error, DatabaseUnavailable)] == [503] * len(refused)
    assert len(set(map(id, refused))) == len(refused), "Some were told with the exception of another."
    assert full == []
    assert await lost(db, kept) == []
    assert await faults(db) == []
    assert again == (await balance(db, ann)).balance


async def lost(db: Database, kept: Kept) -> list[tuple[str, str]]:
    there = {
        *(("credit", row[0]) for row in await rows(db, "SELECT reference FROM ledger_entries WHERE kind = 'purchase'")),
        *(("hold", row[0]) for row in await rows(db, "SELECT id FROM holds")),
        *(
            ("settle", row[0])
            for row in await rows(db, "SELECT hold_id, charged FROM hold_resolutions")
            if row[1] == used_by(row[0])
        ),
    }
    return [booked for booked in kept if booked not in there]
