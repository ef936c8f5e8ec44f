"""The process of the built-in model, seen from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from tests.waiting import eventually

IDLE_SECONDS = 0.3
# Half of what the shorter of the replies would take to go on to its end; threads that wait for each other spin.
STOPPING_CPU_SECONDS_MAX = 15


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if is_alive(child.pid) and "local_server" in said(child)]


def said(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def is_alive(pid: int) -> bool:
    """A zombie is one that nobody has looked after yet, not one that lives."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def is_idle(process: psutil.Process) -> Callable[[], bool]:
    used, since = -1.0, 0.0

    def look() -> bool:
        nonlocal used, since
        now, by_now = time.monotonic(), cpu_seconds(process)
        if by_now != used:
            used, since = by_now, now
        return now - since > IDLE_SECONDS

    return look


async def require_it_has_stopped(process: psutil.Process) -> None:
    before = cpu_seconds(process)
    await eventually(is_idle(process))
    assert cpu_seconds(process) - before <= STOPPING_CPU_SECONDS_MAX
