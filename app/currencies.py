"""How Stripe counts money: whole numbers of a currency's smallest unit, with the exceptions that its list names.

https://docs.stripe.com/currencies. A browser's own list is another one; web/js/money.js holds the same as this.
"""

from __future__ import annotations

# Currencies that have no smaller unit, and those of a thousand. Every other one is counted in hundredths.
WHOLE = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
THOUSANDTHS = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# Counted in hundredths, of which Stripe takes only whole hundreds.
NO_FRACTIONS = frozenset(("isk", "ugx"))


def in_words(amount: int, currency: str) -> str:
    return f"{in_digits(amount, currency)} {currency.upper()}"


def in_digits(amount: int, currency: str) -> str:
    digits = 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2
    whole, part = divmod(amount, 10**digits)
    return f"{whole:,}.{part:0{digits}}" if digits else f"{whole:,}"


def step(currency: str) -> int:
    """What Stripe wants every amount to be a multiple of."""
    return 100 if currency in NO_FRACTIONS else 10 if currency in THOUSANDTHS else 1


def payable(amount: int, currency: str) -> int:
    """As much of it as Stripe takes."""
    return amount - amount % step(currency)
