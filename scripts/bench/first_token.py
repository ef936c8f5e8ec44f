"""What is added to the first token, when so many streams are open: each asks again when its reply is over."""

from __future__ import annotations

from pathlib import Path

from scripts.bench.lanes import Figures, lanes, middle, task
from scripts.bench.scale import Scale
from scripts.bench.table import show
from scripts.bench.wire import Order

ALONE, GAP_MS = Order(1, 0), 20
UPSTREAM = "upstream itself"


def bench(folder: Path, scale: Scale) -> None:
    """For one alone, replies of a token follow each other; for many, they are as long as in life."""
    most, in_company = max(scale.first_token_streams), Order(scale.paced_tokens, GAP_MS)
    with lanes([ALONE, in_company]) as its:
        its.add_upstream(UPSTREAM)
        its.add_peers(["relay", "obvious"])
        its.add_ours(folder / "first", most)
        for streams in scale.first_token_streams:
            order = ALONE if streams == 1 else in_company
            length = order.tokens * order.gap_ms / 1000
            asked = task(
                streams, seconds=scale.seconds + length, replies=scale.replies, spread_seconds=length,
                give_up_seconds=scale.seconds + 60,
            )  # fmt: skip
            _show(streams, its.alternated(order, scale, asked))


def _show(streams: int, found: dict[str, list[Figures]]) -> None:
    least = middle([one.came.first_ms_p50 for one in found[UPSTREAM]])
    rows = []
    for name, some in found.items():
        half = middle([one.came.first_ms_p50 for one in some])
        nearly_all = middle([one.came.first_ms_p99 for one in some])
        rows.append((name, f"{half:.1f}", f"{nearly_all:.1f}", f"{half - least:.1f}", f"{nearly_all - least:.1f}"))
    show(f"First token, {streams} streams", ["ms p50", "ms p99", "added p50", "added p99"], rows)
