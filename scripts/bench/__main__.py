"""Measures the database writer and the ledger beside the bare drivers, in alternated rounds, and prints the medians.

Run as `python -m scripts.bench`; it takes about a minute. Compare ratios: figures a second are of this machine.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import uvloop

from app import migrations
from scripts.bench import pairs, writer
from scripts.bench.measure import ROUNDS, Rate, Step, middle, rate
from scripts.bench.postgres import postgres

CLIENTS = 32
Way = Callable[[], AbstractAsyncContextManager[Step]]


async def alternated(ways: Mapping[str, Way]) -> dict[str, Rate]:
    """Each way once a round, so that a slow moment of the machine is not one way's alone."""
    found: dict[str, list[Rate]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            async with way() as step:
                found[name].append(await rate(step, CLIENTS))
    return {name: middle(rates) for name, rates in found.items()}


def show(title: str, found: Mapping[str, Rate]) -> None:
    first = next(iter(found.values()))
    sys.stdout.write(f"\n{title}\n{'':32}{'a second':>10}{'CPU us':>9}{'ours is':>10}\n")
    for name, one in found.items():
        ratio = "" if one is first else f"{first.per_second / one.per_second:.1f} x"
        sys.stdout.write(f"  {name:30}{one.per_second:10,.0f}{one.cpu_us:9.0f}{ratio:>10}\n")
    sys.stdout.flush()


async def bench_writer(folder: Path) -> None:
    ways = {name: partial(way, writer.new_file(folder / f"{way.__name__}.db")) for name, way in writer.WAYS.items()}
    show(f"A unit of two statements, SQLite, synchronous=FULL, {CLIENTS} clients", await alternated(ways))


async def bench_pairs(url: str) -> None:
    engine = "SQLite, synchronous=FULL" if url.startswith("sqlite") else "Postgres, fsync on"
    users = await pairs.people(url, CLIENTS)
    for whose, some in (("one user", users[:1]), (f"{CLIENTS} users", users)):
        ways = {name: partial(way, url, some) for name, way in pairs.WAYS.items()}
        show(f"Hold and settle, {engine}, {CLIENTS} clients, {whose}", await alternated(ways))


async def bench() -> None:
    with tempfile.TemporaryDirectory(prefix="prome-bench-") as name:
        folder = Path(name)
        await bench_writer(folder)
        sqlite_url = f"sqlite+aiosqlite:///{folder}/ledger.db"
        await migrations.upgrade(sqlite_url)
        await bench_pairs(sqlite_url)
        with postgres() as postgres_url:
            if postgres_url is None:
                sys.stdout.write("\nNo Postgres: install the test dependencies to measure it.\n")
                return
            await migrations.upgrade(postgres_url)
            await bench_pairs(postgres_url)


if __name__ == "__main__":
    uvloop.run(bench())  # As the server does.
