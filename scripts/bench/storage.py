"""The database writer and the ledger beside the bare drivers doing the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import uvloop

from app import migrations
from scripts.bench import pairs, writer
from scripts.bench.measure import Rate, Step, middle, rate
from scripts.bench.postgres import postgres
from scripts.bench.scale import Scale
from scripts.bench.table import say, show

CLIENTS = 32
Way = Callable[[], AbstractAsyncContextManager[Step]]


def bench(folder: Path, scale: Scale) -> None:
    with postgres() as url:
        uvloop.run(_bench(folder, scale, url))  # As the server does.


async def _bench(folder: Path, scale: Scale, postgres_url: str | None) -> None:
    await bench_writer(folder, scale)
    sqlite_url = f"sqlite+aiosqlite:///{folder}/ledger.db"
    for url in (sqlite_url, postgres_url):
        if url is None:
            say("\nNo Postgres: install the test dependencies to measure it.")
            continue
        await migrations.upgrade(url)
        await bench_pairs(url, scale)


async def alternated(ways: Mapping[str, Way], scale: Scale) -> dict[str, Rate]:
    """Each way once a round, so that a slow moment of the machine is not one way's alone."""
    found: dict[str, list[Rate]] = {name: [] for name in ways}
    for _ in range(scale.rounds):
        for name, way in ways.items():
            async with way() as step:
                found[name].append(await rate(step, CLIENTS, scale.seconds))
    return {name: middle(rates) for name, rates in found.items()}


async def bench_writer(folder: Path, scale: Scale) -> None:
    ways = {name: partial(way, writer.new_file(folder / f"{way.__name__}.db")) for name, way in writer.WAYS.items()}
    title = f"A unit of two statements, SQLite, synchronous=FULL, {CLIENTS} clients"
    _show(title, await alternated(ways, scale))


async def bench_pairs(url: str, scale: Scale) -> None:
    engine = "SQLite, synchronous=FULL" if url.startswith("sqlite") else "Postgres, fsync on"
    users = await pairs.people(url, CLIENTS)
    for whose, some in (("one user", users[:1]), (f"{CLIENTS} users", users)):
        ways = {name: partial(way, url, some) for name, way in pairs.WAYS.items()}
        _show(f"Hold and settle, {engine}, {CLIENTS} clients, {whose}", await alternated(ways, scale))


def _show(title: str, found: Mapping[str, Rate]) -> None:
    first = next(iter(found.values()))
    rows = []
    for name, one in found.items():
        ratio = "" if one is first else f"{first.per_second / one.per_second:.1f} x"
        rows.append((name, f"{one.per_second:,.0f}", f"{one.cpu_us:.0f}", ratio))
    show(title, ["a second", "CPU us", "ours is"], rows)
