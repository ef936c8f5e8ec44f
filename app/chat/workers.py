"""Who of the workers is alive: each one signs now and then, and watches the signatures of the others.

A worker is dead when others have watched for a while how it did not sign. How old a signature is says little: after an
outage of the database all of them are old, and everybody lives.
"""

from __future__ import annotations

from datetime import datetime

from app.db import Database, Row

SIGN_SECONDS = 2.0
DEAD_SECONDS = 10.0
# Whoever has not looked for as long as this cannot say what the others did meanwhile.
BLIND_SECONDS = 3 * SIGN_SECONDS
SIGN = "INSERT INTO workers (id, seen_at) VALUES ($1, now()) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
# Not if it has signed since, and nobody waits for one that stands still as it signs.
STRIKE_OFF = """
DELETE FROM workers
WHERE id = (SELECT id FROM workers WHERE id = $1 AND seen_at = $2 FOR NO KEY UPDATE SKIP LOCKED)
"""


class Workers:
    def __init__(self, db: Database, me: str) -> None:
        self._db, self._me = db, me
        self._signed_at = float("-inf")
        # Their last signatures, and since when they are the last.
        self._watched: dict[str, tuple[datetime, float]] = {}

    async def sign_on(self) -> None:
        """SQLite serves one server, so whoever opens the file is the only one."""
        async with self._db.begin() as session:
            if self._db.kind == "sqlite":
                await session.run("DELETE FROM workers")
            await session.run(SIGN, self._me)

    async def sign_off(self) -> None:
        async with self._db.begin_apart() as session:
            await session.run("DELETE FROM workers WHERE id = $1", self._me)

    async def sign(self, now: float) -> None:
        """When it is time to. Who is found dead is struck off, so that what it ran can be ended."""
        if now - self._signed_at < SIGN_SECONDS:
            return
        async with self._db.begin_apart() as session:
            await session.run(SIGN, self._me)
            rows = await session.rows("SELECT id, seen_at FROM workers WHERE id <> $1", self._me)
            for worker, seen_at in self._dead(rows, now):
                await session.run(STRIKE_OFF, worker, seen_at)
        self._signed_at = now

    def _dead(self, rows: list[Row], now: float) -> list[tuple[str, datetime]]:
        before = self._watched if now - self._signed_at < BLIND_SECONDS else {}
        self._watched = {}
        for row in rows:
            seen_at, since = before.get(row["id"], (None, now))
            self._watched[row["id"]] = (row["seen_at"], since if seen_at == row["seen_at"] else now)
        return [(worker, at) for worker, (at, since) in self._watched.items() if now - since >= DEAD_SECONDS]
