"""Postgres through asyncpg: a pool, READ COMMITTED, and the same session as on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from app.engines.at_once import by_place, with_place
from app.engines.in_step import COMPANIES_MAX, Ranks
from app.engines.session import (
    ConstraintViolated,
    DatabaseUnavailable,
    Listener,
    LockedOut,
    Reshaped,
    Result,
    Row,
    Session,
    Work,
)

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy
    from asyncpg.transaction import Transaction

POOL_MAX = 10
ACQUIRE_SECONDS = 10.0
CONNECT_SECONDS = 10.0
STATEMENT_SECONDS = 30.0
# A worker that stands still in the middle of a unit keeps its locks for so long, and who needs one of them waits less.
IDLE_SECONDS = 10.0
LOCK_SECONDS = 5.0
# In a company others wait too; who waits longer goes on by itself.
LOCK_IN_STEP_SECONDS = 0.03
CLOSE_SECONDS = 0.5


class PostgresSession(Session):
    def __init__(self, connection: PoolConnectionProxy, listener: Listener) -> None:
        super().__init__(listener)
        self.connection = connection

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        with Translating():
            found: list[Row] = await self.connection.fetch(sql, *values)
        return found

    async def run(self, sql: str, *values: Any) -> int:
        with Translating():
            status = await self.connection.execute(sql, *values)
        changed = status.rpartition(" ")[2]
        return int(changed) if changed.isdecimal() else 0

    async def rows_each(self, sql: str, every: Sequence[tuple[Any, ...]]) -> list[list[Row]]:
        """In one round trip."""
        together = with_place(sql) if len(every) > 1 else None
        if together is None:
            return await super().rows_each(sql, every)
        with Translating():
            found = await self.connection.fetchmany(together, [(*each, place) for place, each in enumerate(every)])
        return by_place(found, len(every))

    async def run_each(self, sql: str, every: Sequence[tuple[Any, ...]]) -> list[int]:
        if len(every) > 1 and with_place(sql) is not None:
            return [len(rows) for rows in await self.rows_each(sql, every)]
        return await super().run_each(sql, every)


class PostgresEngine:
    kind = "postgres"

    def __init__(
        self,
        dsn: str,
        listener: Listener,
        *,
        pool_max: int = POOL_MAX,
        lock_seconds: float = LOCK_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._dsn, self._listener, self._pool_max = dsn, listener, pool_max
        self._lock_seconds, self._idle_seconds = lock_seconds, idle_seconds
        self._pool: asyncpg.Pool | None = None
        self._apart: asyncpg.Pool | None = None
        self._in_step: asyncpg.Pool | None = None
        self._ranks = Ranks(lambda: Unit(self._in_step, listener, in_transaction=True), listener)

    async def open(self, *, exclusive: bool) -> None:
        """`exclusive` asks for nothing here: many servers may share a Postgres."""
        with Translating():
            self._apart = await self._pool_of(1, self._lock_seconds)
            self._in_step = await self._pool_of(COMPANIES_MAX, min(self._lock_seconds, LOCK_IN_STEP_SECONDS))
            self._pool = await self._pool_of(self._pool_max - 1 - COMPANIES_MAX, self._lock_seconds)
            # Whether it can be reached at all is said now.
            await self._pool.release(await self._pool.acquire(timeout=CONNECT_SECONDS))

    async def _pool_of(self, connections: int, lock_seconds: float) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            self._dsn,
            # Whoever needs a connection opens it; a pool that keeps some open logs each failure of an outage.
            min_size=0,
            max_size=connections,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            server_settings={
                "lock_timeout": _milliseconds(lock_seconds),
                "idle_in_transaction_session_timeout": _milliseconds(self._idle_seconds),
            },
            reset=_keep_as_it_is,
        )

    def begin(self) -> AbstractAsyncContextManager[Session]:
        return Unit(self._pool, self._listener, in_transaction=True)

    def begin_apart(self) -> AbstractAsyncContextManager[Session]:
        return Unit(self._apart, self._listener, in_transaction=True)

    async def in_step(self, work: Work[Result], person: str) -> Result:
        return await self._ranks.run(person, work)

    def read(self) -> AbstractAsyncContextManager[Session]:
        return Unit(self._pool, self._listener, in_transaction=False)

    def glance(self) -> AbstractAsyncContextManager[Session]:
        return self.read()

    def break_off(self) -> None:
        """Whoever waits for an answer hears that there will be none, and so does whoever asks from now on."""
        for pool in self._take_pools():
            pool.terminate()

    async def close(self) -> None:
        """A connection that is still at work is waited for a moment, and then broken."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(pool.close() for pool in self._take_pools()))

    def _take_pools(self) -> list[asyncpg.Pool]:
        pools = [pool for pool in (self._pool, self._apart, self._in_step) if pool is not None]
        self._pool = self._apart = self._in_step = None
        return pools


class Unit:
    """What `async with` enters. Only what the database raises is translated; what happens inside is for whoever is
    inside.
    """

    __slots__ = ("_in_transaction", "_listener", "_pool", "_session", "_transaction")
    _session: PostgresSession

    def __init__(self, pool: asyncpg.Pool | None, listener: Listener, *, in_transaction: bool) -> None:
        self._pool, self._listener, self._in_transaction = pool, listener, in_transaction
        self._transaction: Transaction | None = None

    async def __aenter__(self) -> Session:
        self._session = session = await self._take()
        if self._in_transaction:
            self._transaction = session.connection.transaction()
            try:
                with Translating():
                    # Entered and not only started: asyncpg then expects that whoever is cancelled in BEGIN leaves it
                    # open.
                    await self._transaction.__aenter__()
            except BaseException:
                await self._give_back()
                raise
        return session

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            if self._transaction is not None:
                await _end(self._transaction, error)
            if error is None:
                for effect in self._session.effects:
                    effect()
        finally:
            await self._give_back()

    async def _take(self) -> PostgresSession:
        if self._pool is None:
            raise DatabaseUnavailable
        with Translating():
            return PostgresSession(await self._pool.acquire(timeout=ACQUIRE_SECONDS), self._listener)

    async def _give_back(self) -> None:
        """One that cannot be cleaned is closed instead; what was committed stays so."""
        if self._pool is not None:
            with suppress(*BROKEN):
                await self._pool.release(self._session.connection)


async def _end(transaction: Transaction, error: BaseException | None) -> None:
    if error is not None:
        with suppress(*BROKEN):
            await transaction.__aexit__(type(error), error, None)
        return
    with Translating():
        await transaction.__aexit__(None, None, None)


async def _keep_as_it_is(_connection: Any) -> None:
    """No session of ours changes a connection's state, so the reset round trip after each unit would be for nothing."""


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"


class Translating:
    """Turns what asyncpg raises into what the engines promise; deadlocks pass, to be tried again."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, asyncpg.IntegrityConstraintViolationError | asyncpg.RaiseError):
            raise ConstraintViolated(str(error)) from error
        if isinstance(error, asyncpg.LockNotAvailableError):
            raise LockedOut from error
        if isinstance(error, asyncpg.InvalidCachedStatementError):
            raise Reshaped from error
        if isinstance(error, OUT_OF_REACH):
            raise DatabaseUnavailable from error


# `InternalClientError` is what asyncpg says when the server goes away between two steps of one statement.
BROKEN = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
OUT_OF_REACH = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.DiskFullError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncio.TimeoutError,
    ConnectionError,
    OSError,
)
