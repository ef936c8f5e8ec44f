"""Many streams at once on one core: what each one holds in memory, how late its tokens are, and whether any is lost.

A token carries the moment it was sent, so how late it is does not depend on how punctual the upstream was; how late the
upstream itself was stands beside it. The pace begins when all are open.
"""

from __future__ import annotations

from pathlib import Path

from scripts.bench import machine
from scripts.bench.lanes import Lane, Lanes, lanes, task
from scripts.bench.load import Came
from scripts.bench.processes import asked, told
from scripts.bench.scale import Scale
from scripts.bench.table import say, show
from scripts.bench.wire import Order

SLOW_MS = 1000
OPENING_AT_ONCE = 32
# Prome lets a user have a few replies at once; these are all of different people, as far as that many are worth making.
PEOPLE_MAX = 2000
GIVE_UP_SECONDS = 180.0


def open_streams(folder: Path, scale: Scale) -> None:
    """One token a second, and nobody comes to an end before all are counted."""
    most = machine.streams_max()
    levels = [level for level in scale.open_streams if level <= most]
    order = Order(10_000, SLOW_MS, stamped=True, waits=True)
    with lanes([order]) as its:
        its.add_peers(["floor", "relay"])
        its.add_ours(folder / "open", min(PEOPLE_MAX, levels[-1]))
        rows = [row for lane in its.all for row in _climbed(its, lane, order, levels, scale)]
    columns = ["KB a stream", "late ms p50", "p99", "upstream's p99", "lost"]
    show(f"Open streams, a token every {SLOW_MS} ms, upstream connection included", columns, rows)
    for level in set(scale.open_streams) - set(levels):
        say(f"  {level:,} were left out: this machine's limit of open files allows {most:,}.")


def _climbed(its: Lanes, lane: Lane, order: Order, levels: list[int], scale: Scale) -> list[tuple[str, ...]]:
    """The floor stamps nothing and asks nobody, so of it there is the memory alone."""
    more = {"window": OPENING_AT_ONCE, "watch_seconds": scale.watch_seconds, "give_up_seconds": GIVE_UP_SECONDS}
    climbing = its.task_for(lane, order, task(levels[-1], replies=1, **more))
    rows, before = [], machine.memory_bytes(lane.server.pid)
    climbing.levels[:] = levels
    for line in asked(climbing):
        if "level" not in line:
            continue
        level, came = line.pop("level"), line
        kilobytes = (machine.memory_bytes(lane.server.pid) - before) / level / 1024
        above = told(its.upstream)
        late = [f"{came[name]:.0f}" for name in ("late_ms_p50", "late_ms_p99")] if above["told"] else ["-", "-"]
        rows.append(
            (f"{lane.name}, {level:,}", f"{kilobytes:.0f}", *late, f"{above['late_ms_p99']:.0f}", str(came["failures"]))
        )
        if level == levels[-1]:
            break
    return rows


def full_core(folder: Path, scale: Scale) -> None:
    """All that are open at their pace at once, read to their ends."""
    rows = []
    for number, (streams, gap_ms) in enumerate(scale.crowds):
        if streams > machine.streams_max():
            say(f"  {streams:,} streams were left out: this machine's limit of open files is too low.")
            continue
        order = Order(int(scale.crowd_seconds * 1000 / gap_ms), gap_ms, stamped=True, waits=True)
        with lanes([order]) as its:
            lane = its.add_ours(folder / f"crowd-{number}", min(PEOPLE_MAX, streams))
            rows.append((f"{streams:,} x {gap_ms} ms", *_crowd(its, lane, order, streams, scale)))
    columns = ["events/s asked", "got", "lost", "late ms p50", "p99", "most", "upstream's p99", "cores", "others'"]
    show("Prome on one core, streams x pace", columns, rows)


def _crowd(its: Lanes, lane: Lane, order: Order, streams: int, scale: Scale) -> tuple[str, ...]:
    more = {"window": OPENING_AT_ONCE, "watch_seconds": scale.crowd_seconds - 2, "give_up_seconds": GIVE_UP_SECONDS}
    running = its.task_for(lane, order, task(streams, replies=1, **more))
    running.levels.append(streams)
    told(its.upstream)
    watched: dict[str, float] = {}
    cpu = (0.0, 0.0)
    for line in asked(running):
        if "open" in line:
            cpu = lane.server.cpu(), its.upstream.cpu()
        elif "level" in line:
            watched = line
            cpu = lane.server.cpu() - cpu[0], its.upstream.cpu() - cpu[1]
    came = Came(**line)
    above = told(its.upstream)
    lost = streams * order.tokens - came.events
    seconds = scale.crowd_seconds - 1
    return (
        *(f"{streams * 1000 / order.gap_ms:,.0f}", f"{came.events:,}", f"{lost:,}"),
        *(f"{watched['late_ms_p50']:.0f}", f"{watched['late_ms_p99']:.0f}", f"{watched['late_ms_max']:.0f}"),
        *(f"{above['late_ms_p99']:.0f}", f"{cpu[0] / seconds:.2f}", f"{cpu[1] / seconds:.2f}"),
    )
