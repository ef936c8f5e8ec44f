"""Before something that cannot be undone: is it really you? A session alone does not tell, as it may be stolen."""

from __future__ import annotations

from app.accounts import accounts, doors
from app.accounts.doors import Doors
from app.accounts.passwords import Passwords
from app.accounts.tables import User
from app.clock import Clock
from app.db import Database
from app.errors import AppError


class WrongPassword(AppError):
    status, code, message = 403, "wrong_password", "Your current password is not right."


class Confirming:
    """A stolen session must not be a way to guess the password, so these tries are counted as well."""

    def __init__(self, db: Database, clock: Clock, doors: Doors, passwords: Passwords) -> None:
        self._db, self._clock, self._doors, self._passwords = db, clock, doors, passwords

    async def require(self, user_id: str, password: str) -> User:
        """Whoever knows it, as they were when they said it."""
        knocked = self._doors.password_of(user_id)
        async with self._db.begin() as session:
            await doors.knock(session, knocked, self._clock.now())
            user = await accounts.by_id(session, user_id)
        if not await self._passwords.matches(password, user.password_hash):
            raise WrongPassword
        async with self._db.begin() as session:
            await doors.welcome(session, knocked)
        return user
