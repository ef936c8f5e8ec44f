"""A process that has imported the house once and forks itself for each command of the tests.

What runs in the fork is the command itself, in a process, a directory and an environment of its own, which can be
killed like any other; only the second or two that Python takes to import everything is spared.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any

from app.__main__ import main

HOUSE = Path(__file__).parents[1]
ORDER_BYTES_MAX = 1_000_000
# The exit code follows the number of the process at once when the command is a short one.
PID_DIGITS = 12


class Forked:
    """A command that is running: the part of `subprocess.Popen` that tests use."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.pid = int(self._told())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self._line.setblocking(False)
            try:
                self._ended(self._line.recv(64))
            except BlockingIOError:
                return None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self._ended(self._line.recv(64))
            except TimeoutError:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0) from None
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            # It may have ended since, although its end is not told yet.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _told(self) -> bytes:
        self._line.settimeout(None)
        return self._line.recv(PID_DIGITS)

    def _ended(self, told: bytes) -> None:
        self.returncode = int(told or -signal.SIGKILL)
        self._line.close()


class Warm:
    """Our end of the line to that process."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
        self._process = subprocess.Popen(command, cwd=HOUSE, pass_fds=[theirs.fileno()])
        theirs.close()
        self._line = ours
        self._lock = Lock()
        atexit.register(self.close)

    def start(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: IO[Any], stdout: IO[Any], stderr: IO[Any]
    ) -> Forked:
        ours, theirs = socket.socketpair()
        order = json.dumps({"words": list(words), "cwd": str(cwd), "env": dict(env)}).encode()
        files = [theirs.fileno(), *(file.fileno() for file in (stdin, stdout, stderr))]
        with self._lock:
            socket.send_fds(self._line, [len(order).to_bytes(4, "big")], files)
            self._line.sendall(order)
        theirs.close()
        return Forked(ours)

    def close(self) -> None:
        self._line.close()
        self._process.wait()


def _serve(orders: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        head, files, *_ = socket.recv_fds(orders, 4, 4)
        if not head:
            return
        order = json.loads(_exactly(orders, int.from_bytes(head, "big")))
        if os.fork() == 0:
            orders.close()
            _watch(order, files)
        for file in files:
            os.close(file)


def _watch(order: dict[str, Any], files: list[int]) -> None:
    """Starts the command and stays to say how it ended, because only a parent can know."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told, *standard = files
    child = os.fork()
    if child == 0:
        os.close(told)
        _be(order, standard)
    for file in standard:
        os.close(file)
    line = socket.socket(fileno=told)
    line.sendall(f"{child:{PID_DIGITS}}".encode())
    _, status = os.waitpid(child, 0)
    try:
        line.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    finally:
        os._exit(0)


def _be(order: dict[str, Any], standard: list[int]) -> None:
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    if "TZ" in order["env"]:
        time.tzset()
    for target, file in enumerate(standard):
        os.dup2(file, target)
        os.close(file)
    sys.argv = ["prome", *order["words"]]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as stopped:
        code = _code_of(stopped)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _code_of(stopped: SystemExit) -> int:
    if stopped.code is None or isinstance(stopped.code, int):
        return stopped.code or 0
    sys.stderr.write(f"{stopped.code}\n")
    return 1


def _exactly(line: socket.socket, size: int) -> bytes:
    assert size <= ORDER_BYTES_MAX
    found = b""
    while len(found) < size:
        found += line.recv(size - len(found))
    return found


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
