"""Sign-ins: opened by a password, ended by logout, by a new password or by time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.accounts.tables import SignIn
from app.accounts.tokens import Claims
from app.db import Row, Session
from app.edge.paging import Page
from app.ids import new_id

AGENT_CHARS_MAX = 200
IDS_AT_ONCE = 50
KEPT_AFTER_THE_END = timedelta(days=90)


async def open_session(
    session: Session, user_id: str, *, agent: str, place: str, now: datetime, lifetime: timedelta
) -> SignIn:
    sign_in = SignIn(
        id=new_id("sgn"),
        user_id=user_id,
        agent=agent.replace("\x00", "")[:AGENT_CHARS_MAX],
        place=place,
        created_at=now,
        expires_at=now + lifetime,
    )
    await session.add(sign_in)
    return sign_in


async def holder(session: Session, claims: Claims, now: datetime) -> Row | None:
    """The person behind a token, if everything about it still stands. This runs on every request."""
    return await session.row(
        """
        SELECT users.id, users.email, users.role
        FROM sign_ins JOIN users ON users.id = sign_ins.user_id
        WHERE sign_ins.id = $1 AND users.id = $2 AND sign_ins.ended_at IS NULL AND sign_ins.expires_at > $3
          AND users.disabled_at IS NULL AND users.sessions_not_before <= $4
        """,
        *(claims.sign_in_id, claims.user_id, now, claims.issued_at),
    )


async def standing(session: Session, sign_in_ids: Sequence[str], now: datetime) -> set[str]:
    """Those of these sign-ins that still hold, a few dozen at a time."""
    found: set[str] = set()
    for start in range(0, len(sign_in_ids), IDS_AT_ONCE):
        some = sign_in_ids[start : start + IDS_AT_ONCE]
        places = ", ".join(f"${number + 2}" for number in range(len(some)))
        rows = await session.rows(
            f"""SELECT sign_ins.id FROM sign_ins JOIN users ON users.id = sign_ins.user_id
                WHERE sign_ins.ended_at IS NULL AND sign_ins.expires_at > $1 AND users.disabled_at IS NULL
                  AND sign_ins.id IN ({places})""",
            *(now, *some),
        )
        found.update(row["id"] for row in rows)
    return found


async def has_been_here(session: Session, user_id: str, place: str) -> bool:
    sql = "SELECT 1 FROM sign_ins WHERE user_id = $1 AND place = $2 LIMIT 1"
    return await session.row(sql, user_id, place) is not None


async def end(session: Session, user_id: str, sign_in_id: str, now: datetime) -> bool:
    """False when there was no such open session of that user."""
    sql = "UPDATE sign_ins SET ended_at = $3 WHERE user_id = $1 AND id = $2 AND ended_at IS NULL"
    return await session.run(sql, user_id, sign_in_id, now) == 1


async def end_all(session: Session, user_id: str, now: datetime, *, but: str = "") -> None:
    """Without an exception, tokens from before now are dead by their age as well, whatever the rows say."""
    sql = "UPDATE sign_ins SET ended_at = $2 WHERE user_id = $1 AND id <> $3 AND ended_at IS NULL"
    await session.run(sql, user_id, now, but)
    if not but:
        sql = "UPDATE users SET sessions_not_before = $2 WHERE id = $1"
        await session.run(sql, user_id, start_of_second(now))


def start_of_second(moment: datetime) -> datetime:
    """Tokens carry whole seconds; a sign-in of the same second as the border must not fall behind it."""
    return moment.replace(microsecond=0)


async def open_ones(session: Session, user_id: str, page: Page, now: datetime) -> list[SignIn]:
    """Newest first, one more than the page holds."""
    at, identifier = page.after or (now + timedelta(days=1), "")
    return await session.all(
        SignIn,
        """
        SELECT * FROM sign_ins
        WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND (created_at, id) < ($3, $4)
        ORDER BY created_at DESC, id DESC LIMIT $5
        """,
        *(user_id, now, at, identifier, page.limit + 1),
    )


async def forget(session: Session, user_id: str) -> set[str]:
    """All of them, and what they tell: the devices, and the places, whose marks are the answer."""
    rows = await session.rows("DELETE FROM sign_ins WHERE user_id = $1 RETURNING place", user_id)
    return {row["place"] for row in rows}


async def sweep(session: Session, now: datetime) -> int:
    """Old sign-ins are kept a while: they are what tells a known place from a new one."""
    return await session.run("DELETE FROM sign_ins WHERE expires_at < $1", now - KEPT_AFTER_THE_END)
