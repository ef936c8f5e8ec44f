"""What a turn and a page cost somebody with few or many messages, in a database of next to nothing and of years."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

from app.accounts import sessions
from app.accounts.tokens import Claims
from app.ledger import audit
from scripts.bench import house
from scripts.bench.filling import filling
from scripts.bench.house import House
from scripts.bench.lanes import Lane, Lanes, lanes, task
from scripts.bench.processes import Running
from scripts.bench.scale import Scale
from scripts.bench.table import say, show, times
from scripts.bench.wire import Order

ONE = Order(1, 0)
FEW = 500
# Seconds of CPU in one that still count as doing nothing, how many such in a row, because the audit rests between its
# parts, and how long that is waited for.
AT_REST, AT_REST_SECONDS, AT_REST_SECONDS_MAX = 0.03, 6, 300.0
OFTEN = "search, in one message of four"
PAGES = {
    "list of conversations": "/api/conversations?limit=20",
    "search, two rare words": "/api/conversations?limit=20&q=word17+word4711",
    OFTEN: "/api/conversations?limit=20&q=word17",
    "statement": "/api/billing/ledger?limit=50",
    "usage": "/api/billing/usage?limit=50",
}


@dataclass(frozen=True)
class Account:
    """Somebody of a size, in a database of a size, and how to be them."""

    name: str
    lane: Lane
    token: str


def bench(folder: Path, scale: Scale) -> None:
    with lanes([ONE]) as its:
        few = _grown(its, folder / "few", {"nearly empty": FEW}, FEW, scale)
        sizes = {f"{messages:,} messages": messages for messages in scale.grown_messages}
        grown = _grown(its, folder / "grown", sizes, scale.grown_entries, scale)
        accounts = [*few, *grown]
        for name, path in PAGES.items():
            _show(f"Page: {name}, CPU ms", [few[0], grown[-1]], partial(_page, path=path, scale=scale), scale)
        _show("A turn, CPU ms", accounts, partial(_turn, its=its, scale=scale), scale)
        # The turns were new conversations without any of the words, and stand before all that have them.
        late = partial(_page, path=PAGES[OFTEN], scale=scale)
        _show(f"Page: {OFTEN} but not of late, CPU ms", [few[0], grown[-1]], late, scale)


def _grown(its: Lanes, folder: Path, sizes: dict[str, int], entries: int, scale: Scale) -> list[Account]:
    """The last and largest has a tenth of the entries, and people with a thousand each the rest."""
    began = time.monotonic()
    folder.mkdir()
    built = asyncio.run(house.build(folder))
    own = max(2, entries // 10) if entries > FEW else entries
    with filling(folder / "prome.db") as fill:
        people = [fill.person(messages=number, entries=own) for number in list(sizes.values())[-1:]]
        people = [*(fill.person(messages=number, entries=2) for number in list(sizes.values())[:-1]), *people]
        for _ in range(max(0, entries - own) // 1000):
            fill.person(messages=0, entries=1000)
    tokens, wrong = asyncio.run(_signed_in_and_audited(built, people))
    took = time.monotonic() - began
    say(f"  {entries:,} entries, {sum(sizes.values()):,} messages: {took:.0f} s; audit: {wrong} wrong")
    lane = its.add_built(built, folder.name)
    spent, seconds = _at_rest(lane.server)
    say(f"  Served; {spent:.1f} s of CPU until it was at rest after {seconds:.0f} s: the books are checked at start.")
    return [Account(name, lane, token) for name, token in zip(sizes, tokens, strict=True)]


def _at_rest(server: Running) -> tuple[float, float]:
    """What a server does by itself, from time to time, is no part of a turn."""
    began, before, looked, quiet = time.monotonic(), server.cpu(), server.cpu(), 0
    while quiet < AT_REST_SECONDS and time.monotonic() < began + AT_REST_SECONDS_MAX:
        time.sleep(1)
        looked, last = server.cpu(), looked
        quiet = quiet + 1 if looked - last < AT_REST else 0
    return looked - before, time.monotonic() - began


async def _signed_in_and_audited(built: House, people: Sequence[str]) -> tuple[list[str], int]:
    db, now, found = built.database, datetime.now(UTC), []
    await db.open()
    async with db.begin() as session:
        for user_id in people:
            its = await sessions.open_session(
                session, user_id, agent="bench", place="here", now=now, lifetime=built.tokens.lifetime
            )
            found.append(built.tokens.issue(Claims(user_id, its.id, now)))
    async with db.read() as session:
        wrong = len(await audit.differences(session)) + len(await audit.broken_chains(session))
    await db.close()
    return found, wrong


def _turn(account: Account, its: Lanes, scale: Scale) -> float:
    own = Lane(account.name, account.lane.server, {ONE: house.asking([account.token], ONE)})
    figures = its.measured(own, ONE, task(4, seconds=scale.seconds, replies=scale.replies))
    return figures.server / figures.came.replies


def _page(account: Account, path: str, scale: Scale) -> float:
    before = account.lane.server.cpu()
    _get(account.lane.server, path, account.token, scale.pages)
    return (account.lane.server.cpu() - before) / scale.pages


def _get(server: Running, path: str, token: str, number: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for _ in range(number):
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered with {answer.status}")
    connection.close()


def _show(title: str, accounts: Sequence[Account], cost: Callable[[Account], float], scale: Scale) -> None:
    found: dict[str, list[float]] = {account.name: [] for account in accounts}
    for number in range(-scale.warm_ups, scale.rounds):
        for account in accounts:
            seconds = cost(account)
            if number >= 0:
                found[account.name].append(seconds)
    first = median(found[accounts[0].name])
    rows = [(name, f"{median(some) * 1e3:.2f}", times(median(some), first)) for name, some in found.items()]
    show(title, ["server", "x the first"], rows)
