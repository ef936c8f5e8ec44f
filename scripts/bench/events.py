"""What it takes to relay an event: a burst as fast as it goes, and many streams at a pace. An event is one token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.bench.lanes import FLOOR, Figures, lanes, middle, task
from scripts.bench.scale import Scale
from scripts.bench.table import show, times
from scripts.bench.wire import Order

BURST, GAP_MS = Order(200, 0), 20
CONNECTIONS = 8
CAPTION = "CPU us an event of the server process, and of the upstream and the client beside it"


def bench(folder: Path, scale: Scale) -> None:
    streams, paced = scale.paced_streams, Order(scale.paced_tokens, GAP_MS)
    with lanes([BURST, paced]) as its:
        its.add_peers()
        its.add_gateways(scale.gateways, folder)
        its.add_ours(folder / "events", streams)
        burst = task(CONNECTIONS, seconds=scale.seconds, replies=scale.replies)
        found = its.alternated(BURST, scale, burst)
        _show(f"Burst: {BURST.tokens} events a reply, {CONNECTIONS} connections", found)
        found = its.alternated(paced, scale, task(streams, replies=1, spread_seconds=scale.spread_seconds))
        _show(f"Paced: {streams} streams, an event every {GAP_MS} ms", found)


def _show(title: str, found: Mapping[str, Sequence[Figures]]) -> None:
    floor = _us([one.server / one.came.events for one in found[FLOOR]])
    rows = []
    for name, some in found.items():
        server = _us([one.server / one.came.events for one in some])
        upstream = _us([one.upstream / one.came.events for one in some])
        client = _us([one.client / one.came.events for one in some])
        speed = middle([one.came.events / one.came.seconds for one in some])
        shown = (f"{server:.1f}", times(server, floor), f"{upstream:.1f}", f"{client:.1f}", f"{speed:,.0f}")
        rows.append((name, *shown))
    show(f"{title}. {CAPTION}", ["server", "x floor", "upstream", "client", "events/s"], rows)


def _us(seconds: Sequence[float]) -> float:
    return middle(seconds) * 1e6
