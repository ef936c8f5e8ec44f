"""People who left: of the row stays what the books need, and a mark of the address, and nothing that names anybody.

The mark is a keyed hash. It tells one thing, and only to whoever has the key and the address: that this address had
its welcome.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from hashlib import sha256

from app.accounts import doors, resets, sessions
from app.accounts.doors import Doors
from app.accounts.tables import User
from app.db import Session
from app.settings import Settings

# In the form of a hash, and the hash of no password.
NO_PASSWORD = "$2b$04$" + "." * 53
# No address: those have an @.
FORGET = """
UPDATE users
SET email = id, name = '', password_hash = $3, role = 'user', address_mark = $4,
    disabled_at = $5, sessions_not_before = $5, updated_at = $5
WHERE id = $1 AND password_hash = $2 RETURNING id
"""


def mark_of(settings: Settings, email: str) -> str:
    """By the key that is kept longest: without it no password would be right any more either."""
    key = settings.password_pepper.get_secret_value() or settings.jwt_secret.get_secret_value()
    return hmac.new(key.encode(), f"left\n{email}".encode("utf-8", "replace"), sha256).hexdigest()


async def was_here(session: Session, mark: str) -> bool:
    return await session.row("SELECT 1 FROM users WHERE address_mark = $1 LIMIT 1", mark) is not None


async def forget(session: Session, user: User, mark: str, known_as: Doors, now: datetime) -> bool:
    """Nobody is in by this account any more, and nobody can come in. False when it is no longer as it was."""
    if await session.row(FORGET, user.id, user.password_hash, NO_PASSWORD, mark, now) is None:
        return False
    places = await sessions.forget(session, user.id)
    await doors.forget(session, known_as.of_account(user.id, user.email, places))
    await resets.forget(session, user.id)
    return True
