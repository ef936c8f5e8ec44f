"""The `prome` command as its users run it: a process of its own, in a directory of its own.

Most tests have it forked by tests/warm.py; with `PROME` or `PYTHON_M_APP` it is started from nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import httpx2

from app.settings import Settings
from tests.ports import free_port
from tests.warm import Forked, Warm

PROME = (str(Path(sys.executable).with_name("prome")),)
PYTHON_M_APP = (sys.executable, "-m", "app")
COMMAND_SECONDS = 60
Process = subprocess.Popen[Any] | Forked
START_SECONDS = 60
# Whoever uses it brings the process up; it ends with the tests.
warm = cache(Warm)
OURS = {name.upper() for name in Settings.model_fields}


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Command:
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    # Words to start it from nothing with.
    prome: Sequence[str] = ()

    def run(self, *words: str, stdin: str = "", **settings: str) -> Result:
        with TemporaryFile("w+") as given, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            given.write(stdin)
            given.seek(0)
            process = self.start(words, settings, stdin=given, stdout=out, stderr=err)
            try:
                code = process.wait(timeout=COMMAND_SECONDS)
            finally:
                process.kill()
            return Result(code, _read(out), _read(err))

    def start(
        self,
        words: Sequence[str],
        settings: Mapping[str, str],
        *,
        stdin: IO[str] | None = None,
        stdout: IO[str],
        stderr: IO[str],
    ) -> Process:
        env = self.environment(settings)
        with Path(os.devnull).open() as nothing:
            given = stdin or nothing
            if not self.prome:
                return warm().start(words, self.folder, env, given, stdout, stderr)
            command = [*self.prome, *words]
            return subprocess.Popen(command, cwd=self.folder, env=env, stdin=given, stdout=stdout, stderr=stderr)

    @contextmanager
    def serving(self, **settings: str) -> Iterator[Server]:
        port = settings.pop("PORT", None) or str(free_port())
        log = self.folder / f"serve-{port}.log"
        with log.open("w") as output:
            process = self.start(["serve"], {**settings, "PORT": port}, stdout=output, stderr=output)
        try:
            server = Server(f"http://127.0.0.1:{port}", process, log)
            server.wait_until_ready()
            yield server
        finally:
            process.kill()
            process.wait()

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Nothing of what whoever runs the tests has set for a Prome of their own, or to see words at once."""
        around = {name: value for name, value in os.environ.items() if name not in {*OURS, "PYTHONUNBUFFERED"}}
        return {**around, "BCRYPT_COST": "4", **self.settings, **settings}


@dataclass(frozen=True)
class Server:
    url: str
    process: Process
    log: Path

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with httpx2.Client(base_url=self.url) as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                try:
                    client.get("/readyz").raise_for_status()
                except httpx2.HTTPError:
                    time.sleep(0.05)
                else:
                    if self.process.poll() is None:
                        return
        raise AssertionError(f"The server did not start:\n{self.log.read_text()}")

    def terminate(self) -> tuple[int, float]:
        """The exit code, and the seconds that stopping took."""
        began = time.monotonic()
        self.process.terminate()
        return self.process.wait(timeout=COMMAND_SECONDS), time.monotonic() - began


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
