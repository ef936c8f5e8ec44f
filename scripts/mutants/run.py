"""One run of the tests in a folder: begun in a process group of its own, watched, ended, and what came of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scripts.mutants.witness import REPORT

Verdict = Literal["noticed", "hung", "passed", "unfit"]
Usual = Mapping[str, float]
Lines = list[list[Any]]

# A test may take this much longer than it did without a fault; one that was never seen has the longest time.
TIMES_LONGER, SECONDS_LONGER, UNSEEN_SECONDS, STARTING_SECONDS = 6.0, 30.0, 300.0, 120.0
LOOK_SECONDS = 0.05
SAID_CHARS = 6000
# A fault that is no Python or no SQL shows that it was badly made, and nothing about the tests.
CLUMSY = re.compile(
    r"(SyntaxError|IndentationError|NameError|UnboundLocalError|ImportError|ModuleNotFoundError|PostgresSyntaxError"
    r"|UndefinedColumnError|IndeterminateDatatypeError|AmbiguousParameterError): "
    r"|OperationalError: (near |no such column|no such function|ambiguous column)"
)


@dataclass(frozen=True)
class Outcome:
    """`by` is the test that failed or never ended, or why nothing can be said. `took` is by test, in seconds."""

    verdict: Verdict
    by: str
    seconds: float
    took: dict[str, float]
    said: str = ""


def run(folder: Path, arguments: Sequence[str], usual: Usual, longer: float = SECONDS_LONGER) -> Outcome:
    """Everything that the tests write goes to a place that is emptied first; everything they start ends with them."""
    temporary = folder / "temporary"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    report, said = temporary / "report", temporary / "said"
    report.touch()
    began = time.monotonic()
    with said.open("w") as output, started(folder, temporary, arguments, output.fileno()) as process:
        hung = never_ends(process, report, usual, longer)
        code = None if hung else process.wait()
    lines = read(report)
    verdict, by = judge(lines, code)
    took = {line[1]: line[2] for line in lines if line[0] == "took"}
    return Outcome(verdict, by, time.monotonic() - began, took, said.read_text(errors="replace")[-SAID_CHARS:])


@contextmanager
def started(folder: Path, temporary: Path, arguments: Sequence[str], output: int) -> Iterator[subprocess.Popen[bytes]]:
    # Compiled files are told apart by size and second, and a fault may change neither.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder), "TMPDIR": str(temporary)}
    plugins = ("-p", "scripts.mutants.witness", "-p", "no:randomly", "-p", "no:cacheprovider")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments, *plugins, "--tb=short", f"--basetemp={temporary}/pytest"],
        cwd=folder,
        env={**environment, REPORT: str(temporary / "report")},
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end(process, temporary)


def end(process: subprocess.Popen[bytes], temporary: Path) -> None:
    """The whole group, and a Postgres that left the group and was not stopped by its owner."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for file in temporary.rglob("postmaster.pid"):
        with suppress(ProcessLookupError, ValueError, IndexError, OSError):
            os.kill(int(file.read_text().split()[0]), signal.SIGQUIT)


def never_ends(process: subprocess.Popen[bytes], report: Path, usual: Usual, longer: float) -> bool:
    """Waits for the end, and gives up when a test takes far longer than it usually does."""
    size, since = 0, time.monotonic()
    while process.poll() is None:
        time.sleep(LOOK_SECONDS)
        if (found := report.stat().st_size) != size:
            size, since = found, time.monotonic()
        elif time.monotonic() - since > longer and time.monotonic() - since > allowed(read(report), usual, longer):
            return True
    return False


def allowed(lines: Lines, usual: Usual, longer: float) -> float:
    now = last_begun(lines)
    if not now:
        return STARTING_SECONDS
    if not usual:
        return UNSEEN_SECONDS
    return longer + TIMES_LONGER * usual.get(now, max(usual.values()))


def judge(lines: Lines, code: int | None) -> tuple[Verdict, str]:
    """No code means that it had to be ended. Only a test that failed or hung can have noticed anything."""
    failures = [line for line in lines if line[0] == "failed"]
    for _, name, _, why in (line for line in failures if line[2] in {"call", "teardown"}):
        if clumsy := [cause for cause in why if CLUMSY.search(cause)]:
            return "unfit", f"{name}: the fault itself is broken: {clumsy[0]}"
        return "noticed", name
    if code is None:
        return ("hung", last_begun(lines)) if last_begun(lines) else ("unfit", "No test ever began.")
    if code == 0 and lines[-1:] == [["over", 0]] and any(line[0] == "took" for line in lines):
        return "passed", f"{sum(line[0] == 'took' for line in lines)} tests"
    failed = [f"{line[1]} failed at {line[2]}: {line[3]}" for line in failures]
    return "unfit", (failed or [f"The tests ended with {code}, and none of them failed."])[0]


def last_begun(lines: Lines) -> str:
    return next((str(line[1]) for line in reversed(lines) if line[0] == "began"), "")


def read(report: Path) -> Lines:
    """A last line that is still being written is not there yet."""
    text = report.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
