"""Programs that run beside ours on loopback, each on its cores, and end with the block that started them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from scripts.bench import machine
from scripts.bench.load import Came, Task
from scripts.bench.wire import request_of

ROOT = Path(__file__).parents[2]
# A server of years looks through its holds when it starts.
START_SECONDS, STOP_SECONDS = 120.0, 3.0


@dataclass(frozen=True)
class Running:
    port: int
    pid: int

    def cpu(self) -> float:
        return machine.cpu_seconds(self.pid)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(
    command: Sequence[str], port: int, cores: list[int], *, env: Mapping[str, str] | None = None, cwd: str | None = None
) -> Iterator[Running]:
    """Yields once it listens. However the block is left, the program is gone afterwards."""
    surroundings = {**os.environ, **(env or {}), "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as said:
        with machine.on_cores(cores):
            program = subprocess.Popen(
                command, stdout=said, stderr=said, env=surroundings, cwd=cwd or ROOT, start_new_session=True
            )
        try:
            if not _listens(program, port):
                said.seek(0)
                raise RuntimeError(f"{' '.join(command)} did not start.\n{said.read()[-2000:].decode()}")
            yield Running(port, program.pid)
        finally:
            _end(program)


def end_what_is_left() -> None:
    """An interruption may come between the start of a program and the block that ends it."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    left = psutil.Process().children(recursive=True)
    for program in left:
        program.kill()
    psutil.wait_procs(left, STOP_SECONDS)


def _listens(program: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and program.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def _end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    try:
        program.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


@contextmanager
def an_upstream() -> Iterator[Running]:
    port = free_port()
    command = [sys.executable, "-m", "scripts.bench.upstream", str(port)]
    with running(command, port, machine.for_the_others()) as upstream:
        yield upstream


def asked(task: Task) -> Iterator[dict[str, Any]]:
    """What the load client says, line by line; the last line is the sum."""
    with machine.on_cores(machine.for_the_others()):
        client = subprocess.Popen(
            [sys.executable, "-m", "scripts.bench.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        client.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
        client.stdin.close()
        for line in client.stdout:
            yield json.loads(line)
    finally:
        client.kill()
        client.wait()
        client.stdout.close()


def ask(task: Task) -> Came:
    *_, last = asked(task)
    return Came(**last)


def told(upstream: Running) -> dict[str, float]:
    """How many tokens went out since somebody last asked, and how late they were."""
    with socket.create_connection(("127.0.0.1", upstream.port), 10) as connection:
        connection.sendall(request_of("/told", b"").encode())
        answer: dict[str, float] = json.loads(connection.recv(4096).partition(b"\r\n\r\n")[2])
    return answer
