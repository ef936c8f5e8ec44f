"""Minor units as people read them."""

from __future__ import annotations

from app import currencies
from app.stripe_sandbox import errors

SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def spoken(amount: int, currency: str) -> str:
    if currency in SIGNS:
        return SIGNS[currency] + currencies.in_digits(amount, currency)
    return currencies.in_words(amount, currency)


def require_payable(amount: int, currency: str, where: str) -> None:
    """Some currencies have coins that no payment can name."""
    if currencies.payable(amount, currency) != amount:
        step = currencies.step(currency)
        raise errors.wrong(where, f"Invalid amount. Amounts in {currency.upper()} must be evenly divisible by {step}.")


def each(recurring: dict[str, object] | None) -> str:
    """` each month`, ` every 3 months`, or nothing for what is paid once."""
    if not recurring:
        return ""
    count, unit = recurring["interval_count"], recurring["interval"]
    return f" each {unit}" if count == 1 else f" every {count} {unit}s"
