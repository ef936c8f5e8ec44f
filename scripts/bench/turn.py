"""What a whole turn of one token takes: sign-in, conversation, two messages, hold, reply, settlement; on either engine.

The database's own processes are not counted for Postgres; SQLite is part of the server.
"""

from __future__ import annotations

from pathlib import Path

from scripts.bench.lanes import FLOOR, OURS, lanes, middle, task
from scripts.bench.postgres import postgres
from scripts.bench.scale import Scale
from scripts.bench.table import say, show, times
from scripts.bench.wire import Order

ONE = Order(1, 0)
CONNECTIONS = 8


def bench(folder: Path, scale: Scale) -> None:
    with postgres() as url, lanes([ONE]) as its:
        its.add_peers()
        its.add_gateways(scale.gateways, folder)
        its.add_ours(folder / "turn", CONNECTIONS, name=f"{OURS}, SQLite")
        if url is not None:
            its.add_ours(folder / "turn-postgres", CONNECTIONS, name=f"{OURS}, Postgres", url=url)
        found = its.alternated(ONE, scale, task(CONNECTIONS, seconds=scale.seconds, replies=scale.replies))
    floor = middle([one.server / one.came.replies for one in found[FLOOR]])
    rows = []
    for name, some in found.items():
        server = middle([one.server / one.came.replies for one in some])
        speed = middle([one.came.replies / one.came.seconds for one in some])
        beside = middle([(one.upstream + one.client) / one.came.replies for one in some])
        rows.append((name, f"{server * 1e3:.2f}", times(server, floor), f"{beside * 1e3:.2f}", f"{speed:,.0f}"))
    title = f"A turn of one token, a new conversation each, {CONNECTIONS} connections. CPU ms"
    show(title, ["server", "x floor", "upstream + client", "turns/s"], rows)
    if url is None:
        say("  No Postgres: install the test dependencies to measure it.")
