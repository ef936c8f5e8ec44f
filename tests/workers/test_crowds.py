"""S6 and S7: many open streams, and many readers who take nothing, leave room for everybody else.

DEEP=1 opens thousands, waits for a wave of comments, and freezes readers until they are cut off.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from statistics import quantiles

import httpx2
import pytest
import pytest_asyncio

from tests.chat.callers import STREAMS, Caller, calling, newcomer
from tests.command import Command, Server
from tests.fakes.upstream import FakeUpstream, upstream
from tests.figures import DEEP, figure
from tests.waiting import WAIT_SECONDS_MAX, eventually
from tests.workers import raw
from tests.workers.house import GAP_SECONDS, QUIET, RICH

OPEN = 10_000 if DEEP else 300
# A few hundred are too few to tell them from what a server takes for itself meanwhile.
KILOBYTES_MAX, HEALTHZ_MS_MAX = 45 if DEEP else 90, 250
FREED_SECONDS_MAX = 10
# Comments come after ten seconds of silence.
WAVE_SECONDS = 12 if DEEP else 1
ACTIVE = 50 if DEEP else 5
FROZEN, NORMAL = 1000, 100
CUT_OFF_SECONDS_MAX, GAP_MS_MAX, FROZEN_KILOBYTES_MAX = 25, 250, 256

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="It looks into /proc.")


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with upstream(tokens=4000, gap_seconds=GAP_SECONDS) as fake:
        yield fake


@pytest.fixture
def server(tmp_path: Path, database_url: str, fake: FakeUpstream) -> Iterator[Server]:
    raw.allow_open_files(2 * OPEN + 1000)
    settings = {"DATABASE_URL": database_url, "OPENAI_BASE_URL": fake.url, **QUIET, **RICH}
    with Command(tmp_path, settings).serving() as server:
        yield server


@pytest_asyncio.fixture
async def caller(server: Server) -> AsyncIterator[Caller]:
    async with calling(server.url, await newcomer(server.url)) as caller:
        yield caller


async def times_of_healthz(url: str, seconds: float) -> list[float]:
    """In milliseconds, asked again and again."""
    times, until = [], time.monotonic() + seconds
    async with httpx2.AsyncClient(base_url=url, timeout=WAIT_SECONDS_MAX) as client:
        while time.monotonic() < until:
            began = time.monotonic()
            assert (await client.get("/healthz")).status_code == 200
            times.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(0.01)
    return times


async def test_many_open_streams_cost_little_and_hold_up_nobody(server: Server, caller: Caller) -> None:
    process, port, token = server.process.pid, server.port, caller.person.token
    raw.close_all(await raw.all_opened(100, port, "/api/events", token))
    replies = [await caller.begin(f"{number}", maxTokens=4000) for number in range(ACTIVE)]
    files, before = raw.open_files(process), raw.resident_bytes(process)

    lines = await raw.all_opened(OPEN, port, "/api/events", token)
    kilobytes = (raw.resident_bytes(process) - before) / OPEN / 1024
    p99 = quantiles(await times_of_healthz(server.url, WAVE_SECONDS), n=100)[-1]
    raw.close_all(lines)
    began = time.monotonic()
    await eventually(lambda: raw.open_files(process) <= files + ACTIVE)
    freed = time.monotonic() - began
    for stream_id in replies:
        await caller.stop(stream_id)

    figure(f"S7: each of {OPEN} streams takes", kilobytes, KILOBYTES_MAX, "KB")
    figure("S7: /healthz beside them, p99", p99, HEALTHZ_MS_MAX, "ms")
    figure("S7: all of them are freed after", freed, FREED_SECONDS_MAX, "s")
    assert kilobytes <= KILOBYTES_MAX


async def gaps_ms(line: socket.socket, gaps: list[float]) -> None:
    """Between one piece that is there to be read and the next."""
    loop, last = asyncio.get_running_loop(), time.monotonic()
    while await loop.sock_recv(line, 65536):
        now = time.monotonic()
        gaps.append((now - last) * 1000)
        last = now


@pytest.mark.skipif(not DEEP, reason="It waits until they are cut off; tests/edge/test_reader.py does not.")
async def test_who_takes_nothing_harms_nobody_else(server: Server, caller: Caller, fake: FakeUpstream) -> None:
    """They read a reply that is there already, which is more than fits between the two; the others a running one."""
    process, port, token = server.process.pid, server.port, caller.person.token
    # Word by word: what comes at once is one event, and a few of those would fit.
    fake.answer_with(4000, 0.0005)
    ended = f"{STREAMS}/{(await caller.ask('Go', maxTokens=4000))[0].data['streamId']}"
    fake.answer_with(4000, GAP_SECONDS)
    live = await caller.begin("Go", maxTokens=4000)
    normal = await raw.all_opened(NORMAL, port, f"{STREAMS}/{live}", token)
    gaps: list[float] = []
    reading = [asyncio.create_task(gaps_ms(line, gaps)) for line in normal]
    files, before = raw.open_files(process), raw.resident_bytes(process)

    frozen = await raw.all_opened(FROZEN, port, ended, token, frozen=True)
    began = time.monotonic()
    await asyncio.sleep(1)
    kilobytes, held = (raw.resident_bytes(process) - before) / FROZEN / 1024, raw.open_files(process) - files
    await eventually(lambda: raw.open_files(process) <= files, seconds_max=120)
    cut_off = time.monotonic() - began
    await caller.stop(live)
    await asyncio.gather(*reading)
    raw.close_all([*frozen, *normal])

    p99 = quantiles(gaps, n=100)[-1]
    figure(f"S6: each of {held} frozen readers takes", kilobytes, FROZEN_KILOBYTES_MAX, "KB")
    figure("S6: all of them are gone after", cut_off, CUT_OFF_SECONDS_MAX, "s")
    figure("S6: the gap of others beside them, p99", p99, GAP_MS_MAX, "ms")
    assert held >= FROZEN * 0.9, "They took all of it, so none of them was frozen."
