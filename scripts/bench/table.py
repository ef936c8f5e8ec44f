"""How figures are summed up and shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median

WIDTH = 34


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def middle_and_p99(values: Sequence[float]) -> tuple[float, float]:
    """Zero for both where there is nothing to sum up."""
    if not values:
        return 0.0, 0.0
    ordered = sorted(values)
    return median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column is a name; the others stand under their heads."""
    widths = [max(len(column), 9) for column in columns]
    say(f"\n{title}")
    say(f"{'':{WIDTH}}" + "".join(f"{column:>{width + 2}}" for column, width in zip(columns, widths, strict=True)))
    for name, *cells in rows:
        shown = "".join(f"{cell:>{width + 2}}" for cell, width in zip(cells, widths, strict=True))
        say(f"  {name:{WIDTH - 2}}{shown}")


def times(value: float, floor: float) -> str:
    return f"{value / floor:.2f} x" if floor else "-"
