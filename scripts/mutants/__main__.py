"""Puts each fault into a copy of the tree and runs the quick tests there: whatever they do not notice is listed.

Run as `python -m scripts.mutants`. Two copies work at a time. A fault is noticed by a test that fails, or by one that
does not end in many times its usual time. Ends with 1 if a fault survives, and with 2 if nothing can be said: the
tests fail without any fault, the list does not fit the code, or a fault is itself broken.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from scripts.mutants import around_verbs, in_engines, in_tables, in_verbs
from scripts.mutants.fault import Fault
from scripts.mutants.run import Outcome, Usual
from scripts.mutants.tree import QUICK, Tree, stale

FAULTS = (*in_verbs.FAULTS, *around_verbs.FAULTS, *in_engines.FAULTS, *in_tables.FAULTS)
AT_A_TIME = 2
MEMORY = Path("/dev/shm")
Judged = tuple[Fault, Outcome]


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # Or the copies would stay behind.
    chosen = [fault for fault in FAULTS if any(part in str(fault[:2]) for part in given.only or [""])]
    with tempfile.TemporaryDirectory(prefix="prome-mutants-", dir=quickest(), ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # A Postgres may run as another user.
        first = Tree(Path(folder) / "0")
        trees = [first, *(Tree(Path(folder) / str(number), first.folder) for number in range(1, AT_A_TIME))]
        if misfits := list(stale(chosen, first.folder)):
            sys.stdout.writelines(f"{line}\n" for line in misfits)
            return 2
        usual = without_any_fault(sorted({fault.database for fault in chosen}), trees, given.tests)
        if usual is None:
            return 2
        return told(list(judged(chosen, trees, given.tests, usual)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", default=QUICK, help="which tests must notice")
    parser.add_argument("--only", action="append", help="a part of a fault's name or file; may be given again")
    return parser.parse_args()


def quickest() -> Path | None:
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None


def without_any_fault(databases: Sequence[str], trees: Sequence[Tree], tests: Sequence[str]) -> dict[str, Usual] | None:
    """How long each test usually takes, or nothing when a test fails already."""
    with ThreadPoolExecutor(len(trees)) as threads:
        outcomes = list(threads.map(lambda tree, database: tree.run(tests, database, {}), trees, databases))
    for database, outcome in zip(databases, outcomes, strict=True):
        show(f"no fault, {database}", outcome)
        if outcome.verdict != "passed":
            sys.stdout.write(f"{outcome.said}\nThe tests do not pass without any fault, so nothing can be said.\n")
            return None
    return {database: outcome.took for database, outcome in zip(databases, outcomes, strict=True)}


def judged(
    faults: Iterable[Fault], trees: Iterable[Tree], tests: Sequence[str], usual: dict[str, Usual]
) -> Iterator[Judged]:
    """Those on Postgres first, because they take longest."""
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)
    faults = sorted(faults, key=lambda fault: fault.database)
    with ThreadPoolExecutor(free.qsize()) as threads:
        for fault, outcome in zip(faults, threads.map(partial(judge, free, tests, usual), faults), strict=True):
            show(f"{fault.name} ({fault.file.rpartition('/')[2]}, {fault.database})", outcome)
            yield fault, outcome


def judge(free: SimpleQueue[Tree], tests: Sequence[str], usual: dict[str, Usual], fault: Fault) -> Outcome:
    tree = free.get()
    try:
        return tree.judge(fault, tests, usual[fault.database])
    finally:
        free.put(tree)


def show(name: str, outcome: Outcome) -> None:
    sys.stdout.write(f"{outcome.verdict:7} {outcome.seconds:6.1f} s  {name:80} {outcome.by}\n")
    sys.stdout.flush()


def told(outcomes: Sequence[Judged]) -> int:
    """The sum, and by name whatever is not as it should be."""
    verdicts = Counter(outcome.verdict for _, outcome in outcomes)
    noticed, hung = verdicts["noticed"] + verdicts["hung"], verdicts["hung"]
    sys.stdout.write(f"{noticed} of {len(outcomes)} faults were noticed, {hung} of them by a test that did not end.\n")
    for fault, outcome in outcomes:
        if outcome.verdict == "passed":
            sys.stdout.write(f"NOT NOTICED: {fault.name} ({fault.file})\n")
        if outcome.verdict == "unfit":
            sys.stdout.write(f"CANNOT BE JUDGED: {fault.name} ({fault.file})\n{outcome.said}\n")
    return 2 if verdicts["unfit"] else 1 if verdicts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
