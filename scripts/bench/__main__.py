"""Measures Prome beside what is simpler, in alternated rounds, and prints medians. Compare the ratios.

Run as `python -m scripts.bench`, or with the parts that are wanted: `python -m scripts.bench events turn`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from scripts.bench import crowds, events, first_token, growth, machine, storage, turn, weight
from scripts.bench.gateways import GATEWAYS
from scripts.bench.processes import end_what_is_left
from scripts.bench.scale import FULL, TINY, Scale
from scripts.bench.table import say

PARTS: Mapping[str, Callable[[Path, Scale], None]] = {
    "storage": storage.bench,
    "events": events.bench,
    "first": first_token.bench,
    "open": crowds.open_streams,
    "core": crowds.full_core,
    "turn": turn.bench,
    "growth": growth.bench,
    "weight": weight.bench,
}


def main() -> None:
    asked = _parser().parse_args()
    # Being told to end is an exception like Ctrl-C, so that every block is left and nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    machine.raise_limit_of_files()
    say(machine.describe())
    scale = replace(TINY if asked.tiny else FULL, gateways=_gateways(asked))
    try:
        with tempfile.TemporaryDirectory(prefix=f"prome-bench-{os.getpid()}-") as folder:
            for name in asked.parts or PARTS:
                PARTS[name](Path(folder), scale)
    finally:
        end_what_is_left()


def _gateways(asked: argparse.Namespace) -> dict[str, Path]:
    return {name: path for name in GATEWAYS if (path := getattr(asked, name.lower())) is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", choices=[*PARTS, []], help=", ".join(PARTS))
    for name in GATEWAYS:
        parser.add_argument(f"--{name.lower()}", type=Path, help=f"the command of {name}, to be measured as well")
    parser.add_argument("--tiny", action="store_true", help="just enough to see that it runs")
    return parser


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
