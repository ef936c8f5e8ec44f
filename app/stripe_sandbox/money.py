"""Minor units as people read them."""

from __future__ import annotations

SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
# Currencies that have no smaller unit.
WHOLE = frozenset({"clp", "jpy", "krw", "vnd", "xaf", "xof"})


def spoken(amount: int, currency: str) -> str:
    units = f"{amount:,}" if currency in WHOLE else f"{amount // 100:,}.{amount % 100:02}"
    return f"{SIGNS[currency]}{units}" if currency in SIGNS else f"{units} {currency.upper()}"


def each(recurring: dict[str, object] | None) -> str:
    """` each month`, ` every 3 months`, or nothing for what is paid once."""
    if not recurring:
        return ""
    count, unit = recurring["interval_count"], recurring["interval"]
    return f" each {unit}" if count == 1 else f" every {count} {unit}s"
