"""Starts `tests.ledger.client` in processes of their own, and reads what they say was booked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from app.db import Database
from app.ledger import audit

HOUSE = Path(__file__).parents[2]
END_SECONDS = 60


class Said(NamedTuple):
    what: str
    reference: str
    tokens: int


class Client:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self) -> list[Said]:
        self.process.kill()
        said, _ = self.process.communicate(timeout=END_SECONDS)
        return parsed(said)

    def end(self) -> list[Said]:
        """Waits until it has done all of its work; an error in it is an error of the test."""
        said, problems = self.process.communicate(timeout=END_SECONDS)
        assert (self.process.returncode, problems) == (0, "")
        return parsed(said)


@contextmanager
def client(url: str, run: str, work: str, times: int = 0) -> Iterator[Client]:
    """Connected and waiting for `go`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.client", url, run, work, str(times)],
        cwd=HOUSE,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"ready {run} 0\n"
        yield Client(process)
    finally:
        process.kill()
        process.communicate()


def parsed(said: str) -> list[Said]:
    """A last line without its end was cut off by the kill, so it was never said."""
    lines = [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return [Said(what, reference, int(tokens)) for what, reference, tokens in lines]


async def faults(db: Database) -> list[audit.Difference]:
    async with db.read() as session:
        return [*await audit.differences(session), *await audit.broken_chains(session)]
