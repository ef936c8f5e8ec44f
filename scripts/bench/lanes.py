"""Servers side by side, asked in turns: the floor, a raw relay, the obvious service, and Prome."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from scripts.bench import gateways, house, machine
from scripts.bench.load import Came, Task
from scripts.bench.peers import PATH, PEERS
from scripts.bench.processes import Running, an_upstream, ask, free_port, running
from scripts.bench.scale import Scale
from scripts.bench.table import say
from scripts.bench.wire import Order, request_of

FLOOR, OURS = "floor", "Prome"


@dataclass(frozen=True)
class Lane:
    name: str
    server: Running
    requests: Mapping[Order, list[str]]


@dataclass(frozen=True)
class Figures:
    """Seconds of CPU of everybody who took part, and what came of it."""

    server: float
    upstream: float
    client: float
    came: Came


class Lanes:
    """All are up for the whole run, and only one is asked at a time."""

    def __init__(self, stack: ExitStack, orders: Sequence[Order]) -> None:
        self._stack, self._orders = stack, orders
        self.all: list[Lane] = []
        self.upstream = stack.enter_context(an_upstream())

    def add_peers(self, names: Sequence[str] = tuple(PEERS)) -> None:
        asked = {order: [as_openai(order)] for order in self._orders}
        for name in names:
            port = free_port()
            command = [sys.executable, "-m", "scripts.bench.peers", name, str(port), str(self.upstream.port)]
            server = self._stack.enter_context(running(command, port, machine.for_the_server()))
            self.all.append(Lane(name, server, asked))

    def add_ours(self, folder: Path, people: int, *, name: str = OURS, url: str = "") -> Lane:
        folder.mkdir()
        built = asyncio.run(house.build(folder, url))
        tokens = asyncio.run(house.people(built, people))
        return self.add_built(built, name, tokens)

    def add_built(self, built: house.House, name: str, tokens: Sequence[str] = ()) -> Lane:
        server = self._stack.enter_context(house.served(built, self.upstream, self._orders))
        lane = Lane(name, server, {order: house.asking(tokens, order) for order in self._orders})
        self.all.append(lane)
        return lane

    def add_gateways(self, programs: Mapping[str, Path], folder: Path) -> None:
        for name, served in gateways.GATEWAYS.items():
            if name not in programs:
                say(f"  {name} is left out: name its command by --{name.lower()} to measure it as well.")
                continue
            server = self._stack.enter_context(served(programs[name], folder, self.upstream, self._orders))
            headers = gateways.headers(name, self.upstream)
            self.all.append(Lane(name, server, {order: [as_openai(order, *headers)] for order in self._orders}))

    def add_upstream(self, name: str) -> None:
        """Asked directly: what there is without anything in between."""
        self.all.append(Lane(name, self.upstream, {order: [as_openai(order)] for order in self._orders}))

    def alternated(self, order: Order, scale: Scale, task: Task) -> dict[str, list[Figures]]:
        """Each once a round, after those to warm up."""
        found: dict[str, list[Figures]] = {lane.name: [] for lane in self.all}
        for number in range(-scale.warm_ups, scale.rounds):
            for lane in self.all:
                figures = self.measured(lane, order, task)
                if number >= 0:
                    found[lane.name].append(figures)
        return found

    def task_for(self, lane: Lane, order: Order, task: Task) -> Task:
        asked = lane.requests[order]
        return replace(
            task, port=lane.server.port, requests=asked, stamped=order.stamped, gate_port=self.upstream.port, levels=[]
        )

    def measured(self, lane: Lane, order: Order, task: Task) -> Figures:
        asked = self.task_for(lane, order, task)
        server, upstream = lane.server.cpu(), self.upstream.cpu()
        came = ask(asked)
        if came.failures or not came.events:
            raise RuntimeError(f"{lane.name}: {came.failures} failures. {came.first_failure}")
        return Figures(lane.server.cpu() - server, self.upstream.cpu() - upstream, came.cpu_seconds, came)


@contextmanager
def lanes(orders: Sequence[Order]) -> Iterator[Lanes]:
    with ExitStack() as stack:
        yield Lanes(stack, orders)


def as_openai(order: Order, *headers: str) -> str:
    body = {"model": order.model, "messages": [{"role": "user", "content": house.QUESTION}], "stream": True}
    return request_of(PATH, orjson.dumps(body), *headers)


def task(connections: int, **more: Any) -> Task:
    """Port and requests are the lane's."""
    return replace(Task(0, [], connections), **more)


def middle(values: Sequence[float]) -> float:
    return median(values)
