"""A database whose own clock the test moves, forwards and back, as a machine's clock may be set back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from app.db import Database, Row, Session
from app.engines.sqlite_session import to_text


class MovedSession(Session):
    """Writes the moment into each statement where it asks the database for the time."""

    def __init__(self, within: Session, moment: str) -> None:
        super().__init__()
        self.effects = within.effects
        self._within, self._moment = within, moment

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        return await self._within.rows(sql.replace("now()", self._moment), *values)

    async def run(self, sql: str, *values: Any) -> int:
        return await self._within.run(sql.replace("now()", self._moment), *values)


class MovedDatabase(Database):
    def __init__(self, url: str, now: datetime) -> None:
        super().__init__(url)
        self.now = now

    def begin(self) -> AbstractAsyncContextManager[Session]:
        return self._moved(super().begin())

    def read(self) -> AbstractAsyncContextManager[Session]:
        return self._moved(super().read())

    def glance(self) -> AbstractAsyncContextManager[Session]:
        return self._moved(super().glance())

    @asynccontextmanager
    async def _moved(self, opening: AbstractAsyncContextManager[Session]) -> AsyncIterator[Session]:
        moment = f"'{to_text(self.now)}'"
        async with opening as session:
            yield MovedSession(session, moment if self.kind == "sqlite" else f"TIMESTAMPTZ {moment}")
