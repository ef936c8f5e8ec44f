"""Guessing is slow: every door (an account, a network address) takes a few tries in a quarter of an hour.

A guesser must not be able to lock somebody out either: whoever comes from a place where that account has signed in
before has a door of their own.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network
from math import ceil

from starlette.requests import Request

from app.db import Session
from app.errors import AppError
from app.settings import Settings

TRIES_PER_ACCOUNT = 10
TRIES_PER_PLACE = 50
RESETS_PER_ACCOUNT = 3
WINDOW = timedelta(minutes=15)


class TooManyAttempts(AppError):
    status, code = 429, "too_many_attempts"
    message = "Too many attempts. Please try again in {retryAfterSeconds} seconds."


@dataclass(frozen=True)
class Door:
    """One that is `guarded` opens again a whole window after its last try: otherwise twice as many tries would fit
    around the border of two windows. A place shared by many people would never get such a pause.
    """

    name: str
    tries_max: int
    window: timedelta = WINDOW
    guarded: bool = False


def _guarded(name: str, tries_max: int = TRIES_PER_ACCOUNT) -> Door:
    return Door(name, tries_max, guarded=True)


class Doors:
    """Names doors. The names are keyed hashes, so the table tells nothing to whoever reads it."""

    def __init__(self, settings: Settings) -> None:
        self._key = settings.jwt_secret.get_secret_value().encode()
        self._registrations_max = settings.registrations_per_hour

    def place(self, request: Request) -> str:
        """The caller's network: an IPv6 caller owns a whole /64 and would otherwise never come twice from one place."""
        host = request.client.host if request.client else ""
        try:
            address = ip_address(host)
            network = str(ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)
        except ValueError:
            network = host
        return self._mark("place", network)

    def sign_in(self, email: str, place: str, *, at_home: bool) -> list[Door]:
        account = self._mark("home", email, place) if at_home else self._mark("account", email)
        return [_guarded(account), Door(self._mark("sign-in", place), TRIES_PER_PLACE)]

    def password_of(self, user_id: str) -> list[Door]:
        return [_guarded(self._mark("password", user_id))]

    def of_account(self, user_id: str, email: str, places: Iterable[str]) -> list[Door]:
        """All that stand for this one account, but that of its mail, which also keeps others from being written to."""
        homes = [self._mark("home", email, place) for place in places]
        return [*self.password_of(user_id), *(_guarded(name) for name in (self._mark("account", email), *homes))]

    def reset(self, email: str, place: str) -> list[Door]:
        return [
            _guarded(self._mark("reset", email), RESETS_PER_ACCOUNT),
            Door(self._mark("resets", place), TRIES_PER_PLACE),
        ]

    def registration(self, place: str) -> list[Door]:
        return [Door(self._mark("register", place), self._registrations_max, timedelta(hours=1))]

    def _mark(self, *parts: str) -> str:
        return hmac.new(self._key, "\n".join(parts).encode("utf-8", "replace"), sha256).hexdigest()[:32]


async def knock(session: Session, doors: list[Door], now: datetime) -> None:
    """Counts one try at each door, or refuses and counts none."""
    for door in doors:
        row = await session.row(
            """
            INSERT INTO tries (door, count, window_ends_at) VALUES ($1, 1, $2)
            ON CONFLICT (door) DO UPDATE
                SET count = CASE WHEN tries.window_ends_at <= $3 THEN 1 ELSE tries.count + 1 END,
                    window_ends_at = CASE WHEN tries.window_ends_at <= $3 OR tries.count < $4
                                          THEN $2 ELSE tries.window_ends_at END
            RETURNING count, window_ends_at
            """,
            *(door.name, now + door.window, now, door.tries_max if door.guarded else 0),
        )
        assert row is not None
        if row["count"] > door.tries_max:
            seconds = ceil((row["window_ends_at"] - now).total_seconds())
            raise TooManyAttempts(retryAfterSeconds=seconds, headers=_limits(door, seconds))


async def welcome(session: Session, doors: list[Door]) -> None:
    """Whoever had the key was not guessing: that try does not count."""
    for door in doors:
        await session.run("UPDATE tries SET count = count - 1 WHERE door = $1 AND count > 0", door.name)


async def forget(session: Session, doors: list[Door]) -> None:
    for door in doors:
        await session.run("DELETE FROM tries WHERE door = $1", door.name)


async def sweep(session: Session, now: datetime) -> int:
    return await session.run("DELETE FROM tries WHERE window_ends_at < $1", now)


def _limits(door: Door, seconds: int) -> dict[str, str]:
    policy = f'"tries";q={door.tries_max};w={int(door.window.total_seconds())}'
    return {"Retry-After": str(seconds), "RateLimit-Policy": policy, "RateLimit": f'"tries";r=0;t={seconds}'}
