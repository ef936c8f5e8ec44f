"""A copy of the tree that can be broken and mended again, and the order in which its tests look at it."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.mutants.fault import Fault
from scripts.mutants.run import Outcome, Usual, run

HOUSE = Path(__file__).parents[2]
COPIED = ("app", "tests", "scripts", "web", "pyproject.toml", "prisma_like_schema.sql")
# That the schema is what a file says would notice any fault in it, and nothing about what the schema is for.
QUICK = ("tests/ledger", "tests/metering", "tests/engines")
# These take long and repeat with more force what the quick ones show.
LEFT_OUT = ("tests/ledger/test_kill.py", "tests/ledger/test_many_processes.py")
# Not everybody may mount a small disk; the other test of a full one must do.
NOT_EVERYWHERE = "tests/ledger/test_full_disk.py::test_a_small_disk_refuses_and_keeps_its_promises"
# It notices nearly everything, so it would hide what the others overlook; it has the last word.
LAST = "tests/ledger/test_model.py"


class Stale(Exception):
    """The text of a fault is not where it was: the list must follow the code."""


def stale(faults: Iterable[Fault], house: Path = HOUSE) -> Iterator[str]:
    for fault in faults:
        times = (house / fault.file).read_text(encoding="utf-8").count(fault.text)
        if times != 1:
            yield f"{fault.name}: its text is {times} times in {fault.file}."


class Tree:
    def __init__(self, folder: Path, house: Path = HOUSE) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name in COPIED:
            source, copy = house / name, folder / name
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
            elif source.exists():
                shutil.copyfile(source, copy)

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        file = self.folder / fault.file
        right = file.read_text(encoding="utf-8")
        if right.count(fault.text) != 1:
            raise Stale(fault.name)
        file.write_text(right.replace(fault.text, fault.wrong), encoding="utf-8")
        try:
            yield
        finally:
            file.write_text(right, encoding="utf-8")

    def judge(self, fault: Fault, tests: Sequence[str], usual: Usual) -> Outcome:
        with self.broken(fault):
            return self.run(tests, fault.database, usual)

    def run(self, tests: Sequence[str], database: str, usual: Usual) -> Outcome:
        files = in_order(tests, self.folder, usual)
        return run(self.folder, [*files, "--deselect", NOT_EVERYWHERE, f"--database={database}"], usual)


def in_order(tests: Sequence[str], folder: Path, usual: Usual) -> list[str]:
    """Folders become their files, the quickest first."""
    found: list[str] = []
    for name in tests:
        files = sorted((folder / name).rglob("test_*.py")) if (folder / name).is_dir() else [folder / name]
        found += [path.relative_to(folder).as_posix() for path in files]
    seconds: dict[str, float] = defaultdict(float)
    for test, took in usual.items():
        seconds[test.partition("::")[0]] += took
    left = [path for path in found if not path.startswith(LEFT_OUT)]
    return sorted(left, key=lambda path: (path == LAST, seconds[path]))
