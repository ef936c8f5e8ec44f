"""A forgotten password: a link by mail that works once, for half an hour. Only its hash is kept."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from app.accounts.tables import PasswordReset
from app.db import Session
from app.errors import AppError

LIFETIME = timedelta(minutes=30)
SUBJECT = "Your new password for Prome"
TEXT = """Hello,

somebody, most likely you, asked for a new password for {email}.
This link lets you set one. It works once, for 30 minutes:

{link}

If it was not you, there is nothing to do: your password stays as it is.
"""


class ResetLinkInvalid(AppError):
    status, code = 400, "reset_link_invalid"
    message = "This link has been used or is too old. Please ask for a new one."


async def begin(session: Session, user_id: str, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    record = PasswordReset(token_hash=_hash(token), user_id=user_id, created_at=now, expires_at=now + LIFETIME)
    await session.add(record)
    return token


async def owner(session: Session, token: str, now: datetime) -> str:
    """Whose link this is, while it still works."""
    sql = "SELECT user_id FROM password_resets WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2"
    found = await session.row(sql, _hash(token), now)
    if found is None:
        raise ResetLinkInvalid
    return str(found["user_id"])


async def use(session: Session, token: str, now: datetime) -> str:
    """Of two at once, one succeeds; every other link of that user dies with it."""
    sql = """UPDATE password_resets SET used_at = $2
             WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING user_id"""
    found = await session.row(sql, _hash(token), now)
    if found is None:
        raise ResetLinkInvalid
    user_id = str(found["user_id"])
    await session.run("UPDATE password_resets SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL", user_id, now)
    return user_id


async def forget(session: Session, user_id: str) -> None:
    await session.run("DELETE FROM password_resets WHERE user_id = $1", user_id)


async def sweep(session: Session, now: datetime) -> int:
    return await session.run("DELETE FROM password_resets WHERE expires_at < $1", now - timedelta(days=1))


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
