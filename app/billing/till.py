"""Which Stripe we talk to, decided in one place: the real one, with a test or a live key, or the sandbox till."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal

from app.errors import Unavailable
from app.settings import Settings

SANDBOX_KEY = "sk_test_sandbox"
SANDBOX_PATH = "/_stripe"
Mode = Literal["sandbox", "test", "live"]


class PaymentsOff(Unavailable):
    code, message = "payments_off", "Nothing can be bought here just now."


@dataclass(frozen=True)
class Account:
    key: str = field(repr=False)
    base: str
    # Any of them may have signed: two while one is being replaced.
    secrets: tuple[str, ...] = field(repr=False)
    is_sandbox: bool

    @property
    def mode(self) -> Mode:
        if self.is_sandbox:
            return "sandbox"
        return "live" if self.key.startswith(("sk_live_", "rk_live_")) else "test"


def account_of(settings: Settings) -> Account | None:
    """None: payments are off."""
    key = settings.stripe_secret_key.get_secret_value()
    written = settings.stripe_webhook_secret.get_secret_value()
    secrets = tuple(secret.strip() for secret in written.split(",") if secret.strip())
    if key:
        return Account(key, settings.stripe_api_base.rstrip("/"), secrets, is_sandbox=key == SANDBOX_KEY)
    if settings.in_production or settings.stripe_sandbox == "off":
        return None
    return Account(SANDBOX_KEY, _own_address(settings) + SANDBOX_PATH, (_own_secret(settings),), is_sandbox=True)


def _own_address(settings: Settings) -> str:
    """The sandbox is this server, whatever its public name is."""
    everywhere = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}
    host = everywhere.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _own_secret(settings: Settings) -> str:
    """Made from a secret of ours, so that every process and every start has the same one."""
    seed = settings.jwt_secret.get_secret_value().encode()
    return "whsec_" + hmac.new(seed, b"the sandbox till signs with this", hashlib.sha256).hexdigest()
