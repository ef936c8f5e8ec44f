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
from typing import Any

import aiosqlite

from app.engines.session import DatabaseUnavailable, Effect, Listener, Session
from app.engines.sqlite_session import SqliteSession, translated
from app.engines.words import tell

UNITS_PER_COMMIT_MAX = 512
LOCK_WAIT_SECONDS = 5.0
LOCK_RETRY_SECONDS = 0.005


class Group:
    """The units that share one COMMIT. Each waits for a word of its own."""

    __slots__ = ("effects", "over", "units", "waiting")

    def __init__(self) -> None:
        self.units = 0
        self.effects: list[Effect] = []
        self.waiting: list[asyncio.Future[None]] = []
        self.over = False

    async def committed(self) -> None:
        word: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(word)
        await word

    def end(self, problem: Exception | None) -> None:
        self.over = True
        tell(self.waiting, problem)
        if problem is None:
            for effect in self.effects:
                effect()


class Unit:
    """What `async with db.begin()` enters: it ends when its outcome is durable, or when it was undone."""

    __slots__ = ("_group", "_session", "_writer")
    _group: Group

    def __init__(self, writer: Writer, session: SqliteSession) -> None:
        self._writer, self._session = writer, session

    async def __aenter__(self) -> Session:
        self._group = await self._writer.begin()
        return self._session

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if self._writer.finish(self._group, self._session.effects, error):
            await self._group.committed()


class Writer:
    """A baton goes from unit to unit in order of arrival; when nobody is left, or the group is full, it is committed.

    The baton is handed on by plain code and never by a cancellable task, so no cancellation can leave it lying.
    """

    def __init__(self, raw: sqlite3.Connection, connection: aiosqlite.Connection, listener: Listener) -> None:
        self._raw, self._connection, self._listener = raw, connection, listener
        self._taken = False
        self._holder: asyncio.Task[Any] | None = None
        self._queue: deque[asyncio.Future[None]] = deque()
        self._group: Group | None = None
        self._committing: set[asyncio.Task[None]] = set()

    def unit(self) -> Unit:
        return Unit(self, SqliteSession(self._raw, self._listener))

    async def begin(self) -> Group:
        await self._take_baton()
        try:
            group = await self._open_group()
            self._raw.execute("SAVEPOINT unit")
        except BaseException as error:
            if self._group is not None:
                self._undo(self._group)
            self._hand_on()
            if isinstance(error, sqlite3.Error):
                raise translated(error) from error
            raise
        return group

    def finish(self, group: Group, effects: list[Effect], error: BaseException | None) -> bool:
        """Whether the COMMIT is to be waited for. One who was refused waits too, when that may be the work of a
        neighbour, which nobody else can see before COMMIT.
        """
        try:
            if error is None:
                self._raw.execute("RELEASE unit")
                group.units += 1
                group.effects += effects
                return True
            self._undo(group)
            return group.units > 0 and not group.over and _is_refusal(error)
        except sqlite3.Error as problem:
            self._undo(group)
            raise translated(problem) from problem
        finally:
            self._hand_on()

    async def settled(self) -> None:
        """A unit that was refused waits for nothing, but the commit that ends it must not meet a closed connection."""
        while self._committing:
            await asyncio.wait(self._committing)

    async def _take_baton(self) -> None:
        task = asyncio.current_task()
        if self._holder is task:
            raise RuntimeError("A write unit was begun inside another one; it would wait for itself for ever.")
        if not self._taken:
            self._taken, self._holder = True, task
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._hand_on()
            raise
        self._holder = task

    def _hand_on(self) -> None:
        self._holder = None
        group = self._group
        full = group is not None and group.units >= UNITS_PER_COMMIT_MAX
        if not full and self._wake_next():
            return
        self._taken = full
        if group is not None:
            committing = asyncio.get_running_loop().create_task(self._commit(group, full=full))
            self._committing.add(committing)
            committing.add_done_callback(self._committing.discard)

    def _wake_next(self) -> bool:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return True
        return False

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

    async def _commit(self, group: Group, *, full: bool) -> None:
        """Until it begins, the group is open to whoever comes; who holds the baton now will see to the COMMIT."""
        if not full and (self._taken or self._group is not group):
            return
        self._taken = True
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
        group.end(problem)


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, sqlite3.Error)
