"""SQLite's one writer, which commits waiting units together.

Statements of a unit run right on the event loop: they take microseconds and the write lock is already held. What can
wait for the disk, COMMIT with its fsync, runs on the connection's own thread; units that arrive meanwhile queue up,
run one after another when it is done, and share the next COMMIT. Each unit has a savepoint, so one that fails takes
nobody with it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeGuard

import aiosqlite

from app.engines.session import DatabaseUnavailable, Effect, Listener, Session
from app.engines.sqlite_session import SqliteSession, translated

UNITS_PER_COMMIT_MAX = 512
LOCK_WAIT_SECONDS = 5.0
LOCK_RETRY_SECONDS = 0.005


class Group:
    """The units that share one COMMIT."""

    def __init__(self) -> None:
        self.units = 0
        self.effects: list[Effect] = []
        self.committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Writer:
    """A baton goes from unit to unit in order of arrival; who finds nobody behind, or a full group, commits.

    The baton is handed on by plain code and never by a cancellable task, so no cancellation can leave it lying.
    """

    def __init__(self, raw: sqlite3.Connection, connection: aiosqlite.Connection, listener: Listener) -> None:
        self._raw, self._connection, self._listener = raw, connection, listener
        self._taken = False
        self._holder: asyncio.Task[Any] | None = None
        self._queue: deque[asyncio.Future[None]] = deque()
        self._group: Group | None = None
        self._committing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Session]:
        await self._take_baton()
        refusal: Exception | None = None
        try:
            group = await self._open_group()
            session = SqliteSession(self._raw, self._listener)
            try:
                self._raw.execute("SAVEPOINT unit")
                yield session
                self._raw.execute("RELEASE unit")
                group.units += 1
                group.effects += session.effects
            except BaseException as error:
                self._undo(group)
                # What it was refused for may be the work of a neighbour, which nobody else can see before COMMIT.
                if not group.units or group.committed.done() or not _is_refusal(error):
                    raise
                refusal = error
        except sqlite3.Error as error:
            raise translated(error) from error
        finally:
            self._hand_on()
        await asyncio.shield(group.committed)
        if refusal is not None:
            raise refusal

    async def settled(self) -> None:
        """A unit that was refused waits for nothing, but the commit that ends it must not meet a closed connection."""
        if self._committing is not None:
            await asyncio.wait({self._committing})

    async def _take_baton(self) -> None:
        if self._holder is asyncio.current_task():
            raise RuntimeError("A write unit was begun inside another one; it would wait for itself for ever.")
        if not self._taken:
            self._taken, self._holder = True, asyncio.current_task()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._hand_on()
            raise
        self._holder = asyncio.current_task()

    def _hand_on(self) -> None:
        self._holder = None
        group = self._group
        if group is not None and (group.units >= UNITS_PER_COMMIT_MAX or not self._wake_next(but_look=True)):
            self._committing = asyncio.get_running_loop().create_task(self._commit(group))
        elif not self._wake_next():
            self._taken = False

    def _wake_next(self, *, but_look: bool = False) -> bool:
        while self._queue and self._queue[0].done():
            self._queue.popleft()
        if self._queue and not but_look:
            self._queue.popleft().set_result(None)
            return True
        return bool(self._queue)

    async def _open_group(self) -> Group:
        if self._group is None:
            await self._begin()
            self._group = Group()
        return self._group

    async def _begin(self) -> None:
        """Another process (a command at the operator's shell) may hold the file for a moment."""
        deadline = asyncio.get_running_loop().time() + LOCK_WAIT_SECONDS
        while True:
            try:
                self._raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(LOCK_RETRY_SECONDS)

    def _undo(self, group: Group) -> None:
        try:
            self._raw.execute("ROLLBACK TO unit")
            self._raw.execute("RELEASE unit")
        except sqlite3.Error:
            # A full or failing disk rolls the whole transaction back: whoever waits for it must not be told yes.
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            self._end(group, DatabaseUnavailable())

    async def _commit(self, group: Group) -> None:
        problem: Exception | None = None
        try:
            await self._connection.commit()
        except sqlite3.Error as error:
            problem = translated(error)
            if self._raw.in_transaction:
                await self._connection.rollback()
        self._end(group, problem)
        self._hand_on()

    def _end(self, group: Group, problem: Exception | None) -> None:
        self._group = None
        if problem is None:
            group.committed.set_result(None)
            for effect in group.effects:
                effect()
        else:
            group.committed.set_exception(problem)
            group.committed.exception()  # Marks it as seen: a group may hold no unit that waits.


def _is_refusal(error: BaseException) -> TypeGuard[Exception]:
    return isinstance(error, Exception) and not isinstance(error, sqlite3.Error)
