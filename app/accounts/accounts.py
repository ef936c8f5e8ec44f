"""Rows of people: found, made, changed, shut out."""

from __future__ import annotations

from datetime import datetime

from email_validator import EmailNotValidError, validate_email

from app.accounts import sessions
from app.accounts.tables import User
from app.db import Session
from app.errors import AppError, Invalid
from app.ids import new_id


class EmailTaken(AppError):
    status, code, message = 409, "email_taken", "There is an account with this e-mail address already."


def normal_email(text: str, *, field: str = "email") -> str:
    """One spelling for one mailbox: lower case, composed characters, the domain as people read it.

    Not case-folded: that would make ß and ss one, which are two mailboxes, and a reset link would reach the other one.
    """
    try:
        return validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        raise Invalid.field(field, "This is not an e-mail address.") from None


async def create(session: Session, email: str, password_hash: str, now: datetime) -> User:
    user = User(
        id=new_id("usr"),
        email=email,
        name=email.partition("@")[0],
        password_hash=password_hash,
        role="user",
        sessions_not_before=sessions.start_of_second(now),
        created_at=now,
        updated_at=now,
    )
    # Locked by the unique key and not by a look beforehand: of two at once, one gets the address.
    taken = await session.row(
        """
        INSERT INTO users (id, email, name, password_hash, role, sessions_not_before, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (email) DO NOTHING RETURNING id
        """,
        *(user.id, email, user.name, password_hash, user.role, user.sessions_not_before, now),
    )
    if taken is None:
        raise EmailTaken
    return user


async def by_email(session: Session, email: str) -> User | None:
    return await session.one(User, "SELECT * FROM users WHERE email = $1", email)


async def by_id(session: Session, user_id: str) -> User:
    user = await session.one(User, "SELECT * FROM users WHERE id = $1", user_id)
    assert user is not None, "whoever asks has an identity, so the row is there"
    return user


async def key_of(session: Session, email: str) -> tuple[str, str | None]:
    """Id and password hash, and as little as that, so that an address with an account takes no longer than another."""
    found = await session.row("SELECT id, password_hash FROM users WHERE email = $1", email)
    return (found["id"], found["password_hash"]) if found else ("", None)


async def confirm(session: Session, user_id: str, password_hash: str | None) -> User | None:
    """The row as it is now, locked, if its password is still the one that was checked: checking takes a while."""
    sql = "UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $2 RETURNING *"
    return await session.one(User, sql, user_id, password_hash)


async def set_password(session: Session, user_id: str, password_hash: str, now: datetime) -> None:
    await session.run("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1", user_id, password_hash, now)


async def rename(session: Session, user_id: str, name: str, now: datetime) -> None:
    await session.run("UPDATE users SET name = $2, updated_at = $3 WHERE id = $1", user_id, name, now)


async def set_role(session: Session, user_id: str, role: str, now: datetime) -> None:
    await session.run("UPDATE users SET role = $2, updated_at = $3 WHERE id = $1", user_id, role, now)


async def set_subscriber(session: Session, user_id: str, subscribes: bool, now: datetime) -> None:
    """Administrators stay what they are."""
    before, after = ("user", "subscriber") if subscribes else ("subscriber", "user")
    sql = "UPDATE users SET role = $3, updated_at = $4 WHERE id = $1 AND role = $2"
    await session.run(sql, user_id, before, after, now)


async def disable(session: Session, user_id: str, now: datetime) -> None:
    await session.run("UPDATE users SET disabled_at = $2, updated_at = $2 WHERE id = $1", user_id, now)
    await sessions.end_all(session, user_id, now)


async def enable(session: Session, user_id: str, now: datetime) -> None:
    await session.run("UPDATE users SET disabled_at = NULL, updated_at = $2 WHERE id = $1", user_id, now)
