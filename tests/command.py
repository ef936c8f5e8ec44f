"""The `prome` command as its users run it: a process of its own, in a directory of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from app.settings import Settings

PROME = (str(Path(sys.executable).with_name("prome")),)
PYTHON_M_APP = (sys.executable, "-m", "app")
COMMAND_SECONDS = 30
START_SECONDS = 30
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
    prome: Sequence[str] = PROME

    def run(self, *words: str, stdin: str = "", **settings: str) -> Result:
        done = subprocess.run(
            [*self.prome, *words],
            cwd=self.folder,
            env=self.environment(settings),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def serving(self, **settings: str) -> Iterator[Server]:
        port = settings.pop("PORT", None) or str(free_port())
        log = self.folder / f"serve-{port}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [*self.prome, "serve"],
                cwd=self.folder,
                env=self.environment({**settings, "PORT": port}),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            server = Server(f"http://127.0.0.1:{port}", process, log)
            server.wait_until_ready()
            yield server
        finally:
            process.kill()
            process.wait()

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Nothing of what whoever runs the tests has set for a Prome of their own."""
        around = {name: value for name, value in os.environ.items() if name not in OURS}
        return {**around, "BCRYPT_COST": "4", **self.settings, **settings}


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                httpx2.get(f"{self.url}/readyz").raise_for_status()
            except httpx2.HTTPError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"The server did not start:\n{self.log.read_text()}")

    def terminate(self) -> tuple[int, float]:
        """The exit code, and the seconds that stopping took."""
        began = time.monotonic()
        self.process.terminate()
        return self.process.wait(timeout=COMMAND_SECONDS), time.monotonic() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
