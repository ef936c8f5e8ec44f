"""What every piece of business here needs, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from app.billing.alerts import Alerts
from app.billing.gateway import Gateway
from app.clock import Clock
from app.db import Database
from app.settings import Settings


@dataclass(frozen=True)
class Shop:
    settings: Settings
    clock: Clock
    db: Database
    gateway: Gateway
    alerts: Alerts

    @property
    def way_back(self) -> str:
        """The one page that Stripe sends people to; nobody else has a say in where that is."""
        return f"{self.settings.public_url}/billing"
