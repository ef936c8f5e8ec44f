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

    def way_back(self, asked_at: str) -> str:
        """The one page that Stripe sends people to. Where no address is set, it is at the one that they came by.

        Under any other name of this machine they would be signed out.
        """
        has_address = self.settings.frontend_url or self.settings.in_production
        return f"{self.settings.public_url if has_address else asked_at}/billing"
