"""Postgres' group commit: units of different people share one transaction, its COMMIT and its round trips.

Whoever comes while the connections for this are at work waits a moment, and then goes in a company with the others who
wait. Each runs in its own task, as ever; when all of them wait for an answer their statements leave together, and equal
ones in one round trip. A unit touches the rows of one person alone and a company has one unit of each, so nobody meets
what a neighbour has not committed. One of them cannot be undone without the others: when somebody fails who has
written, or Postgres refuses a statement, the company is dissolved, and each runs again by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from copy import copy
from typing import Any

from app.engines.at_once import only_looks
from app.engines.session import DatabaseUnavailable, Listener, LockedOut, Result, Row, Session, Work
from app.engines.words import tell

Transaction = AbstractAsyncContextManager[Session]
# Two, so that one is at work while the other waits for the disk.
COMPANIES_MAX = 2
MEMBERS_MAX = 64
TURN_SECONDS = 10.0
# For so long, whoever has had a company dissolved by a failure of their own goes alone.
APART_SECONDS = 10.0


class Dissolved(Exception):
    """The company was undone; whoever was in it runs again by itself."""


class Ask:
    """A statement of one unit, and the word it waits for: its rows, or how many rows it changed."""

    __slots__ = ("counts", "sql", "values", "word")

    def __init__(self, sql: str, values: tuple[Any, ...], *, counts: bool) -> None:
        self.sql, self.values, self.counts = sql, values, counts
        self.word: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def order(self) -> tuple[str, str]:
        return self.sql, str(self.values[0]) if self.values else ""


class Company:
    """The units that share one transaction. `_walking` are those that wait neither for an answer nor for COMMIT."""

    def __init__(self, members: int) -> None:
        self._walking = members
        self._asks: list[Ask] = []
        self._arrived: list[tuple[Member, asyncio.Future[None]]] = []
        self._halt: asyncio.Future[None] | None = None
        self._is_broken = self._is_over = False
        # Until it is known to be durable.
        self._problem: Exception | None = DatabaseUnavailable()

    async def answer(self, ask: Ask) -> Any:
        self._require_that_it_goes_on()
        self._asks.append(ask)
        self._stand()
        try:
            return await ask.word
        except asyncio.CancelledError:
            # It may be under way, and have changed something.
            self.leave(in_peace=False)
            raise

    async def arrive(self, member: Member) -> None:
        """Returns when it is durable."""
        self._require_that_it_goes_on()
        word: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrived.append((member, word))
        self._stand()
        await word

    def leave(self, *, in_peace: bool) -> None:
        self._is_broken = self._is_broken or not in_peace
        self._stand()

    async def lead(self, transaction: Transaction) -> None:
        try:
            async with transaction as session:
                while await self._all_stand():
                    await self._answer_all(session)
            self._problem = None
        except Exception as error:
            self._problem = error
        finally:
            self._end()

    async def _all_stand(self) -> bool:
        """Whether somebody then waits for an answer."""
        if self._walking > 0 and not self._is_broken:
            self._halt = asyncio.get_running_loop().create_future()
            await self._halt
        if self._is_broken:
            raise Dissolved
        return bool(self._asks)

    async def _answer_all(self, session: Session) -> None:
        # Those of another worker lock what they need in the same order, so that neither waits for the other.
        asks, self._asks = sorted(self._asks, key=Ask.order), []
        alike: dict[tuple[str, bool], list[Ask]] = {}
        for ask in asks:
            alike.setdefault((ask.sql, ask.counts), []).append(ask)
        try:
            for (sql, counts), same in alike.items():
                ask_each = session.run_each if counts else session.rows_each
                for ask, answer in zip(same, await ask_each(sql, [ask.values for ask in same]), strict=True):
                    self._give(ask, answer)
        except Exception as error:
            self._asks += asks
            raise Dissolved from error

    def _give(self, ask: Ask, answer: Any) -> None:
        if ask.word.done():
            # Who asked was cancelled a moment ago and has not left yet.
            self._is_broken = True
        else:
            ask.word.set_result(answer)
            self._walking += 1

    def _stand(self) -> None:
        self._walking -= 1
        if self._halt is not None and not self._halt.done() and (self._is_broken or self._walking <= 0):
            self._halt.set_result(None)

    def _end(self) -> None:
        self._is_over = True
        tell((*(ask.word for ask in self._asks), *(word for _, word in self._arrived)), self._problem)
        for member, _ in self._arrived if self._problem is None else ():
            for effect in member.effects:
                member.context.run(effect)

    def _require_that_it_goes_on(self) -> None:
        if self._is_over:
            raise copy(self._problem) if self._problem is not None else Dissolved()


class Member(Session):
    def __init__(self, company: Company, listener: Listener) -> None:
        super().__init__(listener)
        self._company, self._has_written = company, False
        # After writing, which had all of them undone.
        self.has_failed = False
        self.context = copy_context()

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        found: list[Row] = await self._company.answer(Ask(sql, values, counts=False))
        self._has_written = self._has_written or bool(found and not only_looks(sql))
        return found

    async def run(self, sql: str, *values: Any) -> int:
        changed: int = await self._company.answer(Ask(sql, values, counts=True))
        self._has_written = self._has_written or changed > 0
        return changed

    async def go(self, work: Work[Result]) -> Result:
        try:
            result = await work(self)
        except BaseException:
            self.has_failed = self._has_written
            self._company.leave(in_peace=not self.has_failed)
            raise
        await self._company.arrive(self)
        return result


class Ranks:
    """Who goes now, and with whom. A company of one is a plain unit of its own."""

    def __init__(self, begin: Callable[[], Transaction], listener: Listener) -> None:
        self._begin, self._listener = begin, listener
        self._waiting: deque[tuple[str, asyncio.Future[Company | None]]] = deque()
        self._at_work: set[str] = set()
        self._apart: dict[str, float] = {}
        self._companies = 0
        self._is_gathering = False
        self._leading: set[asyncio.Task[None]] = set()

    async def run(self, person: str, work: Work[Result]) -> Result:
        """Raises `Dissolved` when it has to be run by itself."""
        if self._apart and self._goes_apart(person):
            raise Dissolved
        is_free = self._companies < COMPANIES_MAX and person not in self._at_work
        if is_free and not self._waiting and not self._is_gathering:
            self._set_out([person])
            return await self._alone(person, work)
        company = await self._wait(person)
        if company is None:
            return await self._alone(person, work)
        member = Member(company, self._listener)
        try:
            return await member.go(work)
        except (Dissolved, DatabaseUnavailable):
            raise
        except BaseException:
            if member.has_failed:
                self._apart[person] = asyncio.get_running_loop().time() + APART_SECONDS
            raise

    def _goes_apart(self, person: str) -> bool:
        now = asyncio.get_running_loop().time()
        self._apart = {one: until for one, until in self._apart.items() if until > now}
        return person in self._apart

    async def _alone(self, person: str, work: Work[Result]) -> Result:
        try:
            async with self._begin() as session:
                return await work(session)
        except LockedOut:
            # Others want to go; who waits longer for a lock does that elsewhere.
            raise Dissolved from None
        finally:
            self._come_home([person])

    async def _wait(self, person: str) -> Company | None:
        turn: asyncio.Future[Company | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((person, turn))
        self._send_soon()
        too_late = asyncio.get_running_loop().call_later(TURN_SECONDS, refuse, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                self._miss(person, turn.result())
            raise
        finally:
            too_late.cancel()

    def _miss(self, person: str, company: Company | None) -> None:
        if company is None:
            self._come_home([person])
        else:
            company.leave(in_peace=True)

    def _set_out(self, people: list[str]) -> None:
        self._companies += 1
        self._at_work.update(people)

    def _come_home(self, people: list[str]) -> None:
        self._companies -= 1
        self._at_work.difference_update(people)
        if self._waiting or len(people) > 1:
            self._send_soon()

    def _send_soon(self) -> None:
        """A moment later: whoever has just come home may want to go again, and then goes along."""
        if self._companies < COMPANIES_MAX and not self._is_gathering:
            self._is_gathering = True
            asyncio.get_running_loop().call_soon(self._send_some)

    def _send_some(self) -> None:
        self._is_gathering = False
        while self._companies < COMPANIES_MAX and (chosen := self._choose()):
            self._send(chosen)

    def _choose(self) -> dict[str, asyncio.Future[Company | None]]:
        """Of everybody who waits and is not at work the first unit; the others stay in their order."""
        share = min(MEMBERS_MAX, -(-(len(self._waiting) + len(self._at_work)) // COMPANIES_MAX))
        chosen: dict[str, asyncio.Future[Company | None]] = {}
        staying: deque[tuple[str, asyncio.Future[Company | None]]] = deque()
        for person, turn in self._waiting:
            if turn.done():
                continue
            if person in chosen or person in self._at_work or len(chosen) == share:
                staying.append((person, turn))
            else:
                chosen[person] = turn
        self._waiting = staying
        return chosen

    def _send(self, chosen: dict[str, asyncio.Future[Company | None]]) -> None:
        people = list(chosen)
        self._set_out(people)
        company = Company(len(people)) if len(people) > 1 else None
        for turn in chosen.values():
            turn.set_result(company)
        if company is not None:
            leading = asyncio.create_task(self._lead(company, people))
            self._leading.add(leading)
            leading.add_done_callback(self._leading.discard)

    async def _lead(self, company: Company, people: list[str]) -> None:
        try:
            await company.lead(self._begin())
        finally:
            self._come_home(people)


def refuse(turn: asyncio.Future[Company | None]) -> None:
    if not turn.done():
        turn.set_exception(DatabaseUnavailable())
