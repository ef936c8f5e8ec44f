"""`Idempotency-Key`: the same request again has the same outcome, and costs nothing.

`claim` and `finish` take the session of whoever does the work, so that the answer is kept in the transaction that
earned it. `once` does both around a handler whose work is idempotent by reference.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.clock import Clock
from app.db import Database, Session
from app.edge.endpoints import Header
from app.edge.tables import IdempotencyKey
from app.errors import AppError, Invalid

HEADER = Header(
    "Idempotency-Key",
    "A name of your own for this request: the same key and body again is the same outcome, charged once",
    pattern=r"^[\x21-\x7e]{1,128}$",
)
SANE_KEY = re.compile(HEADER.pattern)
KEPT = timedelta(hours=24)
# A worker that died in the middle leaves its claim behind; after this another may take it over.
LEASE = timedelta(seconds=60)
WAIT_SECONDS_MAX = 30.0
LOOK_SECONDS = 0.05


class IdempotencyConflict(AppError):
    status, code = 409, "idempotency_conflict"
    message = "This Idempotency-Key was already used for another request."


class IdempotencyRunning(AppError):
    status, code = 409, "idempotency_running"
    message = "The first request with this Idempotency-Key is still running."


@dataclass(frozen=True)
class Ask:
    """One request as far as repeating it goes."""

    user_id: str
    key: str
    fingerprint: str


async def ask_of(request: Request, user_id: str) -> Ask | None:
    key = request.headers.get(HEADER.name)
    if key is None:
        return None
    if not SANE_KEY.fullmatch(key):
        raise Invalid.field("Idempotency-Key", "Use 1 to 128 visible ASCII characters.")
    seen = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return Ask(user_id, key, hashlib.sha256(seen).hexdigest())


async def claim(session: Session, ask: Ask, now: datetime) -> IdempotencyKey | None:
    """None: it is ours to do. Otherwise the row of who was first, finished or not."""
    taken = await session.run(
        """
        INSERT INTO idempotency_keys (user_id, key, fingerprint, claimed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (user_id, key) DO UPDATE
            SET claimed_at = excluded.claimed_at, fingerprint = excluded.fingerprint,
                status = NULL, headers = NULL, body = NULL, stream_id = NULL
            WHERE idempotency_keys.claimed_at < $5
               OR (idempotency_keys.claimed_at < $6 AND idempotency_keys.fingerprint = excluded.fingerprint
                   AND idempotency_keys.status IS NULL AND idempotency_keys.stream_id IS NULL)
        """,
        *(ask.user_id, ask.key, ask.fingerprint, now, now - KEPT, now - LEASE),
    )
    if taken:
        return None
    first = await find(session, ask)
    assert first is not None
    return first


async def find(session: Session, ask: Ask) -> IdempotencyKey | None:
    sql = "SELECT * FROM idempotency_keys WHERE user_id = $1 AND key = $2"
    first = await session.one(IdempotencyKey, sql, ask.user_id, ask.key)
    if first is not None and first.fingerprint != ask.fingerprint:
        raise IdempotencyConflict
    return first


async def finish(session: Session, ask: Ask, answer: Response) -> None:
    kept = {
        name: value for name, value in answer.headers.items() if name in ("content-type", "location", "cache-control")
    }
    await session.run(
        "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5 WHERE user_id = $1 AND key = $2",
        *(ask.user_id, ask.key, answer.status_code, orjson.dumps(kept).decode(), bytes(answer.body).decode()),
    )


async def finish_as_stream(session: Session, ask: Ask, stream_id: str) -> None:
    await session.run(
        "UPDATE idempotency_keys SET stream_id = $3 WHERE user_id = $1 AND key = $2", ask.user_id, ask.key, stream_id
    )


async def forget(session: Session, ask: Ask) -> None:
    """Work that failed may be tried again with the same key."""
    await session.run(
        "DELETE FROM idempotency_keys WHERE user_id = $1 AND key = $2 AND status IS NULL AND stream_id IS NULL",
        *(ask.user_id, ask.key),
    )


async def forget_all(session: Session, user_id: str) -> None:
    """Of somebody who leaves; what was answered to them goes too."""
    await session.run("DELETE FROM idempotency_keys WHERE user_id = $1", user_id)


async def sweep(session: Session, now: datetime) -> int:
    return await session.run("DELETE FROM idempotency_keys WHERE claimed_at < $1", now - KEPT)


def replayed(first: IdempotencyKey) -> Response:
    assert first.status is not None
    headers = {**orjson.loads(first.headers or "{}"), "Idempotency-Replayed": "true"}
    return Response(first.body, first.status, headers)


async def once(db: Database, clock: Clock, ask: Ask | None, work: Callable[[], Awaitable[Response]]) -> Response:
    """Does the work for the first of many equal requests; the others wait for it and are given its answer."""
    if ask is None:
        return await work()
    async with db.begin() as session:
        first = await claim(session, ask, clock.now())
    if first is not None:
        return replayed(await _finished(db, ask))
    try:
        answer = await work()
    except BaseException:
        async with db.begin() as session:
            await forget(session, ask)
        raise
    async with db.begin() as session:
        await finish(session, ask, answer)
    return answer


async def _finished(db: Database, ask: Ask) -> IdempotencyKey:
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS_MAX
    while asyncio.get_running_loop().time() < deadline:
        async with db.read() as session:
            first = await find(session, ask)
        if first is None:
            break
        if first.status is not None:
            return first
        await asyncio.sleep(LOOK_SECONDS)
    raise IdempotencyRunning(headers={"Retry-After": "1"})
