"""What was acknowledged survives `kill -9`, and what is repeated afterwards does not happen twice.

DEEP=1 kills 200 times.
"""

from __future__ import annotations

import random
import time

from app.db import Database
from tests.databases import Databases
from tests.figures import DEEP, figure
from tests.ledger.books import rows
from tests.ledger.client import perform, used_by
from tests.ledger.clients import Said, client, faults
from tests.ledger.conftest import person

KILLS = 200 if DEEP else 15
# On Postgres the server outlives the client, so a kill shows less.
KILLS_ON_POSTGRES = 200 if DEEP else 5
REOPENED_WITHIN_SECONDS = 2.0
AT_WORK_SECONDS = (0.0, 0.5)


async def test_what_was_acknowledged_survives_a_kill_and_nothing_happens_twice(
    databases: Databases, database_url: str
) -> None:
    db = Database(database_url)
    await db.open()
    owners = sorted([await person(db, "ann", 10_000), await person(db, "bob", 10_000)])
    await db.close()
    acknowledged: list[Said] = []

    for kill in range(KILLS_ON_POSTGRES if databases.kind == "postgres" else KILLS):
        with client(database_url, f"run{kill}", "mixed") as working:
            working.go()
            time.sleep(random.uniform(*AT_WORK_SECONDS))  # noqa: ASYNC251 - nothing else is to happen meanwhile.
            said = working.kill()
        began = time.monotonic()
        await db.open()
        async with db.begin() as session:
            await session.run("UPDATE ledger_accounts SET held = held")
        reopened = time.monotonic() - began

        figure("the ledger is open again after", reopened, REOPENED_WITHIN_SECONDS, "s")
        assert await missing(db, said) == []
        assert await repeated(db, said, owners) == [booked.tokens for booked in said]
        assert await faults(db) == []
        await db.close()
        acknowledged += said

    await db.open()
    assert {booked.what for booked in acknowledged} == {"credit", "hold", "settle"}
    assert await missing(db, acknowledged) == []
    assert await doubled(db) == []
    await db.close()


async def missing(db: Database, said: list[Said]) -> list[Said]:
    entries = await rows(db, "SELECT reference, tokens FROM ledger_entries WHERE kind = 'purchase'")
    holds = await rows(db, "SELECT id, tokens FROM holds")
    ends = await rows(db, "SELECT hold_id, charged FROM hold_resolutions")
    there = {
        *(("credit", row[0]) for row in entries if row[1] == 7),
        *(("hold", row[0]) for row in holds if row[1] == 10),
        *(("settle", row[0]) for row in ends if row[1] == used_by(row[0])),
    }
    return [booked for booked in said if (booked.what, booked.reference) not in there]


async def repeated(db: Database, said: list[Said], owners: list[str]) -> list[int]:
    """Each again, as a caller does who does not know whether it happened. It moves nothing, and answers the same."""
    before = await rows(db, "SELECT * FROM ledger_accounts ORDER BY user_id")
    answers = [
        await perform(db, booked.what, owners[int(booked.reference.split("-")[1]) % len(owners)], booked.reference)
        for booked in said
    ]
    after = await rows(db, "SELECT * FROM ledger_accounts ORDER BY user_id")
    assert [tuple(row) for row in before] == [tuple(row) for row in after]
    return answers


async def doubled(db: Database) -> list[str]:
    """Two entries of one cause, whatever keys say."""
    found = await rows(db, "SELECT reference FROM ledger_entries GROUP BY kind, reference HAVING COUNT(*) > 1")
    return [str(row[0]) for row in found]
