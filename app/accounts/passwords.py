"""Passwords: any script, up to 256 characters, and every character counts.

bcrypt looks at 72 bytes and no further, so it is given a keyed hash of the whole password instead: 64 characters of
base64. It works off the event loop, on all cores but one, and a queue that is full says so at once.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha384
from typing import Annotated, TypeVar

import bcrypt
from pydantic import Field

from app.accounts.common_passwords import COMMON
from app.errors import Invalid, Unavailable
from app.observability.metrics import Metrics
from app.settings import Settings

CHARS_MIN, CHARS_MAX = 8, 256
WAITING_MAX = 32
DISTINCT_MIN = 3
Result = TypeVar("Result")
Secret = Annotated[str, Field(min_length=1, max_length=CHARS_MAX)]


class Busy(Unavailable):
    code, message = "busy", "Very many people are signing in just now. Please try again in a moment."


class Passwords:
    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._cost, self._metrics = settings.bcrypt_cost, metrics
        # An empty pepper is a key like any other: the hash then only shortens, it no longer needs the server's secret.
        self._pepper = settings.password_pepper.get_secret_value().encode() or b"prome"
        self._threads = ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="bcrypt")
        self._waiting = 0
        self._nobodys = bcrypt.hashpw(self._digest("nobody's password"), bcrypt.gensalt(self._cost)).decode()

    async def hash(self, password: str) -> str:
        salt = bcrypt.gensalt(self._cost)
        return (await self._on_a_thread(lambda: bcrypt.hashpw(self._digest(password), salt))).decode()

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Without a hash, because nobody has that address, it takes as long and says no."""
        known = (password_hash or self._nobodys).encode()
        same = await self._on_a_thread(lambda: bcrypt.checkpw(self._digest(password), known))
        return same and password_hash is not None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _digest(self, password: str) -> bytes:
        """NFC first: the same word typed on two keyboards is the same password."""
        text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
        return base64.b64encode(hmac.new(self._pepper, text, sha384).digest())

    def require_room(self) -> None:
        """Asked before a try is counted: a flood of sign-ins must not use up the tries of those it turns away."""
        if self._waiting >= WAITING_MAX:
            raise Busy(retry_after_seconds=2)

    async def _on_a_thread(self, work: Callable[[], Result]) -> Result:
        self.require_room()
        self._waiting += 1
        self._metrics.passwords_waiting.set(self._waiting)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
            self._metrics.passwords_waiting.set(self._waiting)


def require_good(password: str, *, email: str, field: str = "password") -> None:
    """Long enough, and not among the first that a guesser tries."""
    plain = unicodedata.normalize("NFC", password).casefold()
    if len(password) < CHARS_MIN:
        raise Invalid.field(field, f"Use at least {CHARS_MIN} characters.")
    if plain in COMMON or len(set(plain)) < DISTINCT_MIN:
        raise Invalid.field(field, "Too many people use this password. Please choose another one.")
    if plain in (email, email.partition("@")[0]):
        raise Invalid.field(field, "Please do not use your e-mail address as your password.")
