"""What this machine is, and what it lets us do: cores to pin to, the CPU clock of a process, open files."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import psutil

# For what a server opens beside its streams.
FILES_BESIDE = 200
PER_PROCESS_CPU = 2


def describe() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    parts = ", ".join(f"{part} {version(part)}" for part in ("uvicorn", "uvloop", "httptools"))
    return f"{len(cores())} cores of {name}, Python {platform.python_version()}, {parts}; load {os.getloadavg()[0]:.1f}"


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


@contextmanager
def on_cores(chosen: list[int]) -> Iterator[None]:
    """What is started inside runs there, and so does whatever it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def for_the_server() -> list[int]:
    return cores()[:1]


def for_the_others() -> list[int]:
    return cores()[1:] or cores()


def cpu_seconds(pid: int) -> float:
    """Of a process and its children, to the nanosecond: the clock has an address for every process."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(time.clock_gettime((~member.pid << 3) | PER_PROCESS_CPU) for member in family)


def memory_bytes(pid: int) -> int:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(int(member.memory_info().rss) for member in family)


def raise_limit_of_files() -> int:
    """What is started from now on may open so many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def streams_max() -> int:
    """A stream is two open files of a server: its reader and its upstream."""
    return (raise_limit_of_files() - FILES_BESIDE) // 2
