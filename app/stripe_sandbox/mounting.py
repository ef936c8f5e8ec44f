"""The till inside our own server, for whoever has no Stripe key."""

from __future__ import annotations

from pathlib import Path

from starlette.routing import Mount

from app.settings import Settings
from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.till import Till, Webhook

PATH = "/_stripe"
FILE = "stripe-sandbox.db"
# Long enough to see that a payment is pending, short enough to wait for.
DEBIT_SECONDS = 15.0


def beside(settings: Settings, webhook: Webhook) -> Till:
    """Its file lies beside our database, so that a restart loses no open checkout; a test's till forgets."""
    path = None if settings.environment == "test" else folder(settings) / FILE
    return Till(path, [webhook], debit_seconds=DEBIT_SECONDS)


def folder(settings: Settings) -> Path:
    scheme, _, file = settings.database_url.partition(":///")
    return Path(file).parent if scheme.startswith("sqlite") else Path("data")


def mounted(till: Till, settings: Settings) -> Mount:
    return Mount(PATH, sandbox(till, base_url=settings.public_url + PATH), name="stripe_sandbox")
