"""A copy of the tree that can be broken and mended again, and what its tests then say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.mutants.fault import Fault

HOUSE = Path(__file__).parents[2]
COPIED = ("app", "tests", "scripts", "web", "pyproject.toml", "prisma_like_schema.sql")
QUICK = ("tests/ledger", "tests/metering", "tests/engines", "tests/test_schema.py")
# These take long and repeat with more force what the quick ones show.
LEFT_OUT = ("tests/ledger/test_kill.py", "tests/ledger/test_many_processes.py", "tests/ledger/http")
# It notices much, and then takes minutes to find the shortest way to show it: others may speak first.
LAST = "tests/ledger/test_model.py"


class Stale(Exception):
    """The text of a fault is not where it was: the list must follow the code."""


@dataclass(frozen=True)
class Outcome:
    fault: str
    noticed: bool
    by: str
    seconds: float


def stale(faults: Iterable[Fault], house: Path = HOUSE) -> Iterator[str]:
    for fault in faults:
        times = (house / fault.file).read_text(encoding="utf-8").count(fault.text)
        if times != 1:
            yield f"{fault.name}: its text is {times} times in {fault.file}."


class Tree:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name in COPIED:
            source, copy = HOUSE / name, folder / name
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

    def judge(self, fault: Fault, tests: Sequence[str], seconds_max: float) -> Outcome:
        with self.broken(fault):
            return self.run(fault.name, tests, fault.database, seconds_max)

    def run(self, name: str, tests: Sequence[str], database: str, seconds_max: float) -> Outcome:
        # Compiled files are told apart by size and second, and a fault may change neither.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(self.folder)}
        command = [
            sys.executable,
            "-m",
            "pytest",
            *in_order(tests, self.folder),
            "-x",
            "-q",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
        ]
        command += ["--tb=no", f"--database={database}", f"--basetemp={self.folder}/temporary"]
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            said, _ = process.communicate(timeout=seconds_max)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return Outcome(name, True, "it never ended", time.monotonic() - began)
        return Outcome(name, process.returncode != 0, first_failure(said), time.monotonic() - began)


def in_order(tests: Sequence[str], folder: Path) -> list[str]:
    """Folders become their files, because tests run in the order in which their files are named."""
    found: list[str] = []
    for name in tests:
        files = sorted((folder / name).rglob("test_*.py")) if (folder / name).is_dir() else [folder / name]
        found += [path.relative_to(folder).as_posix() for path in files]
    left = [path for path in found if not path.startswith(LEFT_OUT)]
    return sorted(left, key=lambda path: path == LAST)


def first_failure(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].split(" - ")[0] if lines else said.strip().rpartition("\n")[2]
