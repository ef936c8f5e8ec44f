"""Figures of the promises, and where they are held to their limits.

A busy machine is slow with nothing wrong. So the gate only says what it measured, and fails for what is wrong by
itself; DEEP=1, which has the machine to itself, takes larger numbers and holds every figure to its limit.
"""

from __future__ import annotations

import os

DEEP = bool(os.environ.get("DEEP"))


def figure(what: str, found: float, most: float, unit: str) -> None:
    print(f"{what}: {found:.4g} {unit}, {most:g} allowed")  # noqa: T201
    if DEEP:
        assert found <= most, what
