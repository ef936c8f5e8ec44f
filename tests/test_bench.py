"""The benchmark runs, part by part, and prints ratios. How fast anything is here says nothing."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from scripts.bench.wire import Order, ordered, token
from tests.figures import DEEP

pytestmark = pytest.mark.either_engine
ROOT = Path(__file__).parents[1]
# Without those that start a Postgres, which takes longer than all the rest.
PARTS = {
    "events": ["Burst", "Paced", "floor", "relay", "obvious", "Prome"],
    "first": ["First token, 1 streams", "upstream itself", "Prome"],
    "core": ["2 x 20 ms"],
    "open": ["floor, 4", "relay, 4", "Prome, 4"],
    "growth": ["A turn", "statement", "audit: 0 wrong"],
    "weight": ["first visit", "all it can want"],
}


def bench(part: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scripts.bench", "--tiny", part]
    # In the background of a script the tests ignore Ctrl+C, and so would all that they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def whole(part: str) -> str:
    running = bench(part)
    said, complaints = running.communicate(timeout=120)
    assert running.returncode == 0, complaints
    return said


def test_a_part_runs_and_says_what_it_measured_beside_what() -> None:
    said = whole("core")

    assert [words for words in PARTS["core"] if words not in said] == []


@pytest.mark.skipif(not DEEP, reason="takes a minute")
@pytest.mark.parametrize("part", [part for part in PARTS if part != "core"])
def test_so_does_every_other(part: str) -> None:
    said = whole(part)

    assert [words for words in PARTS[part] if words not in said] == []
    assert part != "events" or re.search(r"Prome +[\d.]+ +\d+\.\d\d x", said)


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_behind_when_it_is_told_to_end(told: signal.Signals) -> None:
    running = bench("events")
    children = its_servers(running)

    running.send_signal(told)
    running.communicate(timeout=30)

    assert running.returncode == 128 + told
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    assert [
        found for found in Path(tempfile.gettempdir()).glob("prome-bench-*") if str(running.pid) in found.name
    ] == []


def its_servers(running: subprocess.Popen[str]) -> list[psutil.Process]:
    """Servers take a moment to start."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        children = psutil.Process(running.pid).children(recursive=True)
        if len(children) >= 3:
            return children
        time.sleep(0.05)
    raise AssertionError("no server was started")


@pytest.mark.parametrize("order", [Order(200, 0), Order(1, 20), Order(5, 50, stamped=True, waits=True)])
def test_a_reply_is_ordered_by_the_name_of_its_model(order: Order) -> None:
    assert ordered(f'{{"model":"{order.model}","messages":[]}}'.encode()) == order
    assert token(order).startswith(order.mark)
