"""S11 across workers: one is killed in the middle of its replies, and the other ends them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.upkeep import LEFT_BEHIND_SECONDS
from tests.chat.callers import Caller
from tests.chat.strict import Event, require_grammar
from tests.chat.test_crash import WORDS_LOST_MAX, read_until_killed, recovered, require_it_ended_well
from tests.databases import Databases
from tests.figures import DEEP, figure
from tests.waiting import eventually
from tests.workers.house import House, house

STREAMS_AT_ONCE = 20 if DEEP else 4
ENDED_SECONDS_MAX = 30
WORDS_BEFORE = 80


@pytest.fixture
def doomed(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if databases.kind != "postgres":
        pytest.skip("SQLite serves one worker.")
    folder = tmp_path_factory.mktemp("doomed")
    with house(folder, databases.fresh(folder), tokens=4000) as found:
        found.start(2)
        yield found


async def killed_in_the_middle(doomed: House, here: Caller) -> list[list[Event]]:
    seen: list[list[Event]] = [[] for _ in range(STREAMS_AT_ONCE)]
    reading = [asyncio.create_task(read_until_killed(here, number, each)) for number, each in enumerate(seen)]
    await eventually(lambda: all(len(each) >= WORDS_BEFORE for each in seen), seconds_max=60)
    doomed.workers[0].process.kill()
    await asyncio.gather(*reading)
    return seen


async def test_what_a_killed_worker_ran_is_ended_by_the_other(doomed: House) -> None:
    async with doomed.somebody() as (here, there):
        killed = await killed_in_the_middle(doomed, here)
        began, killed_at = time.monotonic(), datetime.now(UTC)
        # Whoever reads on at the other worker meanwhile is told the end as soon as there is one.
        rejoined = asyncio.create_task(there.rejoin(killed[0][0].data["streamId"], killed[0][-1].id))
        await recovered(there, ENDED_SECONDS_MAX)
        seconds = time.monotonic() - began
        require_grammar(killed[0] + await rejoined)
        lost = [await require_it_ended_well(there, seen) for seen in killed]
        balance = await there.balance()

    figure("S11: the other worker has ended them after", seconds, ENDED_SECONDS_MAX, "s")
    assert max(lost) <= WORDS_LOST_MAX
    assert balance["held"] == 0
    assert doomed.fake.seen.calls == STREAMS_AT_ONCE
    assert "Traceback" not in doomed.workers[1].log.read_text()
    # The lease of this work lasts three turns, so one that lasts longer than that from the kill is the other's.
    (lease,) = await doomed.rows("SELECT until FROM leases WHERE name = 'end turns that were left behind'")
    assert lease["until"] > killed_at + timedelta(seconds=3 * LEFT_BEHIND_SECONDS)
    resolved = await doomed.rows("SELECT hold_id FROM hold_resolutions")
    assert len(resolved) == STREAMS_AT_ONCE
    await doomed.require_the_books_are_right()
