"""Running work for a while with many clients, and what that was worth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

WARM_UP_SECONDS = 0.2

Step = Callable[[int, int], Awaitable[object]]


@dataclass(frozen=True)
class Rate:
    per_second: float
    cpu_us: float


async def rate(step: Step, clients: int, seconds: float) -> Rate:
    """`step(client, number)` is one piece of work; each client does one after another until the time is over."""
    numbers = [0] * clients
    await _until(step, numbers, time.perf_counter() + WARM_UP_SECONDS)
    before, cpu, began = sum(numbers), time.process_time(), time.perf_counter()
    await _until(step, numbers, began + seconds)
    done = sum(numbers) - before
    return Rate(done / (time.perf_counter() - began), (time.process_time() - cpu) * 1e6 / max(done, 1))


async def _until(step: Step, numbers: list[int], deadline: float) -> None:
    async def client(place: int) -> None:
        while time.perf_counter() < deadline:
            await step(place, numbers[place])
            numbers[place] += 1

    await asyncio.gather(*(client(place) for place in range(len(numbers))))


def middle(rates: list[Rate]) -> Rate:
    return Rate(median(one.per_second for one in rates), median(one.cpu_us for one in rates))
