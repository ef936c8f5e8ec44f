"""Sign-in tokens: HS256, seven claims and two header fields, and not one more or less."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt

from app.clock import Clock
from app.errors import Unauthenticated
from app.settings import Settings

ALGORITHM, ISSUER, AUDIENCE, KIND = "HS256", "prome", "prome", "session"
TICKET = "ticket"
TICKET_LIFETIME = timedelta(seconds=60)
CHARS_MAX = 1024
# The clock is ours and not PyJWT's, so that a test can hold it; `read` looks at the times itself.
OPTIONS: Any = {"verify_exp": False, "verify_iat": False}
REMEMBERED_MAX = 4096


@dataclass(frozen=True)
class Claims:
    user_id: str
    sign_in_id: str
    issued_at: datetime


class Tokens:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._secret, self._clock = settings.jwt_secret.get_secret_value(), clock
        self.lifetime = timedelta(seconds=settings.jwt_expiration)
        # Whose a token is never changes, so it is worked out once; whether it still holds is asked every time.
        self._verified = lru_cache(REMEMBERED_MAX)(self._verify)

    def issue(self, claims: Claims) -> str:
        return self._written(claims, KIND, self.lifetime)

    def issue_ticket(self, user_id: str, sign_in_id: str, thing: str) -> str:
        """Good for one thing and for a minute, because it travels in an address."""
        claims = Claims(user_id, sign_in_id, self._clock.now())
        return self._written(claims, f"{TICKET} {thing}", TICKET_LIFETIME)

    def read(self, token: str) -> Claims:
        return self._read(token, KIND, self.lifetime)

    def read_ticket(self, ticket: str, thing: str) -> Claims:
        return self._read(ticket, f"{TICKET} {thing}", TICKET_LIFETIME)

    def _written(self, claims: Claims, kind: str, lifetime: timedelta) -> str:
        issued = int(claims.issued_at.timestamp())
        payload = {
            "sub": claims.user_id,
            "jti": claims.sign_in_id,
            "iat": issued,
            "exp": issued + int(lifetime.total_seconds()),
            "aud": AUDIENCE,
            "iss": ISSUER,
            "typ": kind,
        }
        return jwt.encode(payload, self._secret, ALGORITHM)

    def _read(self, token: str, kind: str, lifetime: timedelta) -> Claims:
        if len(token) > CHARS_MAX or not token.isascii():
            raise Unauthenticated
        claims = self._verified(token, kind, lifetime)
        now, second = self._clock.now(), timedelta(seconds=1)
        if not claims.issued_at - second <= now < claims.issued_at + lifetime:
            raise Unauthenticated
        return claims

    def _verify(self, token: str, kind: str, lifetime: timedelta) -> Claims:
        """Verified, and then written once more: what is not letter for letter our own token is refused."""
        try:
            payload = jwt.decode(token, self._secret, [ALGORITHM], options=OPTIONS, audience=AUDIENCE, issuer=ISSUER)
            claims = Claims(payload["sub"], payload["jti"], datetime.fromtimestamp(payload["iat"], UTC))
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError, OSError):
            raise Unauthenticated from None
        if token != self._written(claims, kind, lifetime):
            raise Unauthenticated
        return claims
