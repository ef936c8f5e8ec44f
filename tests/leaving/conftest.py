from __future__ import annotations

from tests.billing.conftest import buyer, hooked, more_settings, other, settings, till, till_url

__all__ = ["buyer", "hooked", "more_settings", "other", "settings", "till", "till_url"]
