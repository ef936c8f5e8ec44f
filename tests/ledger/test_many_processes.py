"""More than one process on one database: nobody overspends, and nobody is told that the database is locked.

DEEP=1 lets the writers write for a minute and holds them to a time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from statistics import quantiles

import pytest

from app.db import Database
from app.ledger.ledger import Balance
from tests.databases import Databases
from tests.figures import DEEP, figure
from tests.ledger import books
from tests.ledger.clients import client, faults
from tests.ledger.conftest import person

ROUNDS = 5
HOLDS = 100
AFFORDED = 7
GRANTS = 30
WRITERS = 64
SECONDS = 60.0 if DEEP else 2.0
HOLD_P99_MS = 50


@pytest.fixture
def sqlite_path(databases: Databases, database_url: str) -> Path:
    if databases.kind != "sqlite":
        pytest.skip("It is about the lock of a SQLite file.")
    return Path(database_url.partition(":///")[2])


async def test_two_processes_cannot_overspend_one_balance(db: Database, database_url: str) -> None:
    """It pays for exactly seven, and two processes ask a hundred times each, all at once."""
    ann = await person(db, "ann")
    for turn in range(ROUNDS):
        await books.credit(db, ann, 10 * AFFORDED + 9, reference=f"round {turn}")
        with (
            client(database_url, f"a{turn}", "holds", HOLDS) as one,
            client(database_url, f"b{turn}", "holds", HOLDS) as two,
        ):
            one.go()
            two.go()
            said = [*one.end(), *two.end()]

        taken = [booked.reference for booked in said if booked.what == "hold"]
        assert len(taken) == AFFORDED
        assert len([booked for booked in said if booked.what == "refused"]) == 2 * HOLDS - AFFORDED
        assert (await books.balance(db, ann)).available == 9
        assert await faults(db) == []
        for hold_id in taken:
            await books.settle(db, hold_id, completion=10)
        left = (await books.balance(db, ann)).balance
        await books.debit(db, ann, left, reference=f"round {turn}")


@pytest.mark.usefixtures("sqlite_path")
async def test_a_command_grants_beside_a_server_at_work(db: Database, database_url: str) -> None:
    owner, working = await person(db, "ann", 1000), True
    pairs = 0

    async def serve(number: int) -> None:
        nonlocal pairs
        turn = 0
        while working:
            await books.hold(db, owner, f"h{number}-{turn}", of=books.terms(10))
            await books.release(db, f"h{number}-{turn}")
            turn, pairs = turn + 1, pairs + 1

    with client(database_url, "grant", "credits", GRANTS) as command:
        serving = [asyncio.create_task(serve(number)) for number in range(16)]
        await asyncio.sleep(0.1)
        command.go()
        said = await asyncio.to_thread(command.end)
        working = False
        await asyncio.gather(*serving)

    assert [booked.what for booked in said] == ["credit"] * GRANTS
    assert await books.balance(db, owner) == Balance(1000 + 7 * GRANTS, 0, 0)
    assert pairs > 0


async def test_writers_readers_and_a_backup_meet_no_lock(db: Database, sqlite_path: Path, tmp_path: Path) -> None:
    owners = [await person(db, f"user{number}", 1_000_000) for number in range(WRITERS)]
    deadline = time.monotonic() + SECONDS
    took: list[float] = []

    async def write(owner: str) -> None:
        turn = 0
        while time.monotonic() < deadline:
            began = time.monotonic()
            await books.hold(db, owner, f"{owner}-{turn}", of=books.terms(10))
            took.append(time.monotonic() - began)
            await books.settle(db, f"{owner}-{turn}", completion=5)
            turn += 1

    async def read(owner: str) -> None:
        while time.monotonic() < deadline:
            await books.rows(db, "SELECT * FROM ledger_entries WHERE user_id = $1 ORDER BY sequence LIMIT 100", owner)

    def back_up() -> int:
        source, copy = sqlite3.connect(sqlite_path), sqlite3.connect(tmp_path / "copy.db")
        source.backup(copy)
        backups = 1
        while time.monotonic() < deadline:
            source.backup(copy)
            backups += 1
            time.sleep(0.1)
        (whole,) = copy.execute("PRAGMA integrity_check").fetchone()
        source.close()
        copy.close()
        assert whole == "ok"
        return backups

    backing_up = asyncio.create_task(asyncio.to_thread(back_up))
    await asyncio.gather(*(write(owner) for owner in owners), *(read(owner) for owner in owners[:4]))
    backups = await backing_up

    (settled,) = await books.rows(db, "SELECT COUNT(*) FROM hold_resolutions WHERE charged = 5")
    assert settled[0] == len(took)
    assert len(took) > WRITERS
    assert backups >= 1
    p99 = quantiles(took, n=100)[-1] * 1000
    figure(f"L12: a hold, p99, beside {len(took) / SECONDS:.0f} pairs a second", p99, HOLD_P99_MS, "ms")
