"""Puts each fault into a copy of the tree and runs the quick tests there: whatever they do not notice is listed.

Run as `python -m scripts.mutants`. Two copies work at a time. Ends with 1 if a fault survives, with 2 if the list does
not fit the code or the tests fail without any fault.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from scripts.mutants import around_verbs, in_verbs
from scripts.mutants.fault import Fault
from scripts.mutants.tree import QUICK, Outcome, Tree, stale

FAULTS = (*in_verbs.FAULTS, *around_verbs.FAULTS)
AT_A_TIME = 2
SECONDS_MAX = 600.0


def main() -> int:
    given = arguments()
    chosen = [fault for fault in FAULTS if given.only in f"{fault.file} {fault.name}"]
    if misfits := list(stale(chosen)):
        sys.stdout.writelines(f"{line}\n" for line in misfits)
        return 2
    with tempfile.TemporaryDirectory(prefix="prome-mutants-") as folder:
        trees = [Tree(Path(folder) / str(number)) for number in range(AT_A_TIME)]
        slowest = 0.0
        for database in sorted({fault.database for fault in chosen}):
            without = trees[0].run("no fault", given.tests, database, SECONDS_MAX)
            show(without)
            if without.noticed:
                sys.stdout.write(f"The tests fail without any fault: {without.by}\n")
                return 2
            slowest = max(slowest, without.seconds)
        outcomes = list(judged(chosen, trees, given.tests, seconds_max=4 * slowest + 30))
    survivors = [outcome.fault for outcome in outcomes if not outcome.noticed]
    sys.stdout.write(f"{len(outcomes) - len(survivors)} of {len(outcomes)} faults were noticed.\n")
    sys.stdout.writelines(f"NOT NOTICED: {name}\n" for name in survivors)
    return 1 if survivors else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", default=QUICK, help="which tests must notice, in this order")
    parser.add_argument("--only", default="", help="a part of a fault's file or name")
    return parser.parse_args()


def judged(
    faults: Sequence[Fault], trees: Sequence[Tree], tests: Sequence[str], *, seconds_max: float
) -> Iterator[Outcome]:
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def judge(fault: Fault) -> Outcome:
        tree = free.get()
        try:
            return tree.judge(fault, tests, seconds_max)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as threads:
        for outcome in threads.map(judge, faults):
            show(outcome)
            yield outcome


def show(outcome: Outcome) -> None:
    mark = "noticed" if outcome.noticed else "passed "
    sys.stdout.write(f"{mark} {outcome.seconds:6.1f} s  {outcome.fault:50} {outcome.by}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
