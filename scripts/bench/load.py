"""A client that asks many times at once and does nothing with what it reads but count it.

Run by the benchmark as `python -m scripts.bench.load`: what to do comes as one line of JSON, what came of it goes out
the same way. It is bounded in questions, in seconds, and by a last moment at which it gives up.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import uvloop

from scripts.bench.table import middle_and_p99
from scripts.bench.wire import END_OF_CHUNKS, PLAIN, STAMP, TICKS_A_SECOND, TICKS_MAX, now_in_ticks

CHUNKS_END = b"\r\n" + END_OF_CHUNKS
SAMPLES_MAX = 500_000


@dataclass(frozen=True)
class Task:
    port: int
    requests: list[str]
    connections: int
    # Each connection asks so often, and begins no question after so many seconds.
    replies: int = 10**6
    seconds: float = 10**6
    # The connections begin one after another over this long; at most `window` wait for their first words at once.
    spread_seconds: float = 0.0
    window: int = 10**6
    stamped: bool = False
    # How many are opened before the pace is started, level by level, and how long each level is watched.
    levels: list[int] = field(default_factory=list)
    watch_seconds: float = 0.0
    gate_port: int = 0
    give_up_seconds: float = 60.0


@dataclass
class Came:
    replies: int = 0
    events: int = 0
    opened: int = 0
    failures: int = 0
    first_failure: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    first_ms_p50: float = 0.0
    first_ms_p99: float = 0.0
    late_ms_p50: float = 0.0
    late_ms_p99: float = 0.0
    late_ms_max: float = 0.0


class Client:
    def __init__(self, task: Task) -> None:
        self.task, self.came = task, Came()
        self.mark = b"~" if task.stamped else PLAIN
        self.first_ms, self.late_ms = list[float](), list[float]()
        self.began, self._cpu_before = time.monotonic(), time.process_time()
        self.is_watching = not task.levels
        self.asking: set[Caller] = set()
        self._room = asyncio.Semaphore(task.window)
        self.quiet = asyncio.Event()

    async def open(self, number: int) -> None:
        """Counts as open with its first words."""
        await self._room.acquire()
        caller = Caller(self, self.task.requests[number % len(self.task.requests)].encode())
        self.asking.add(caller)
        caller.spoken.add_done_callback(lambda _: self._room.release())
        try:
            await asyncio.get_running_loop().create_connection(lambda: caller, "127.0.0.1", self.task.port)
        except OSError as error:
            caller.fail(str(error))

    def done(self, caller: Caller) -> None:
        self.asking.discard(caller)
        if not self.asking:
            self.quiet.set()

    def sum_up(self) -> dict[str, Any]:
        came = self.came
        came.seconds, came.cpu_seconds = time.monotonic() - self.began, time.process_time() - self._cpu_before
        came.first_ms_p50, came.first_ms_p99 = middle_and_p99(self.first_ms)
        came.late_ms_p50, came.late_ms_p99 = middle_and_p99(self.late_ms)
        came.late_ms_max = max(self.late_ms, default=0.0)
        return asdict(came)


class Caller(asyncio.Protocol):
    """One connection, and its questions one after another."""

    def __init__(self, client: Client, request: bytes) -> None:
        self._client, self._request = client, request
        self._asked, self._asked_at, self._last = 0, 0.0, b""
        self._is_over = False
        self.spoken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def connection_lost(self, _error: Exception | None) -> None:
        self.fail("the connection was closed")

    def fail(self, why: str) -> None:
        if not self._is_over:
            self._client.came.failures += 1
            self._client.came.first_failure = self._client.came.first_failure or why
        self._leave()

    def _ask(self) -> None:
        self._asked += 1
        self._asked_at, self._last, self._counted = time.monotonic(), b"", 0
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        client = self._client
        if not self._last and not data.startswith(b"HTTP/1.1 200"):
            self.fail(data[:600].decode("utf-8", "replace"))
            return
        # With the end of what came before, because a mark and the end may be cut in two.
        carry = self._last[-len(client.mark) + 1 :] if len(client.mark) > 1 else b""
        count = (carry + data).count(client.mark)
        if count:
            self._count(count, data)
        self._last = data[-7:] if len(data) >= 7 else (self._last + data)[-7:]
        if self._last == CHUNKS_END:
            self._answered()

    def _count(self, count: int, data: bytes) -> None:
        client = self._client
        if not self._counted:
            client.first_ms.append((time.monotonic() - self._asked_at) * 1000)
            if not self.spoken.done():
                client.came.opened += 1
                self.spoken.set_result(None)
        self._counted += count
        client.came.events += count
        if client.task.stamped and client.is_watching and len(client.late_ms) < SAMPLES_MAX:
            now = now_in_ticks()
            late = [(now - int(stamp)) % TICKS_MAX for stamp in STAMP.findall(data)]
            client.late_ms += [ticks * 1000 / TICKS_A_SECOND for ticks in late]

    def _answered(self) -> None:
        task, client = self._client.task, self._client
        client.came.replies += 1
        if self._asked < task.replies and time.monotonic() - client.began < task.seconds:
            self._ask()
        else:
            self._leave()

    def _leave(self) -> None:
        self._is_over = True
        if not self.spoken.done():
            self.spoken.set_result(None)
        transport = getattr(self, "_transport", None)
        if transport is not None:
            transport.abort()
        self._client.done(self)


async def ask_all(client: Client) -> None:
    task = client.task
    for number in range(task.connections):
        due = client.began + task.spread_seconds * number / task.connections
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await client.open(number)
    await client.quiet.wait()


async def climb(client: Client) -> None:
    """Opens as many as the level says, starts their pace, watches for a while and says what it saw."""
    begun = 0
    for level in client.task.levels:
        opening = [asyncio.create_task(client.open(number)) for number in range(begun, level)]
        begun = level
        await asyncio.gather(*opening)
        await asyncio.wait([caller.spoken for caller in client.asking])
        say({"open": level})
        await tell_to_go(client.task.gate_port)
        await asyncio.sleep(1)
        client.late_ms, client.is_watching = [], True
        await asyncio.sleep(client.task.watch_seconds)
        client.is_watching = False
        say({"level": level, **client.sum_up()})
    if client.task.replies != 10**6:
        await client.quiet.wait()


async def tell_to_go(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /go HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    await reader.readline()
    writer.close()


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def run() -> None:
    client = Client(Task(**json.loads(sys.stdin.readline())))
    try:
        async with asyncio.timeout(client.task.give_up_seconds):
            await (climb(client) if client.task.levels else ask_all(client))
    except TimeoutError:
        client.came.failures += len(client.asking)
        client.came.first_failure = client.came.first_failure or "it was given up"
    say(client.sum_up())


if __name__ == "__main__":
    uvloop.run(run())
