"""Amounts as Stripe counts them, said as people do, here and on the pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import currencies

PAGE = Path(__file__).parents[1] / "web" / "js" / "money.js"


@pytest.mark.either_engine
@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (1205, "usd", "12.05 USD"),
        (123_456_700, "eur", "1,234,567.00 EUR"),
        (1200, "jpy", "1,200 JPY"),
        (5000, "kwd", "5.000 KWD"),
        (12_340, "tnd", "12.340 TND"),
        (500, "isk", "5.00 ISK"),
        (500, "ugx", "5.00 UGX"),
        (5, "kwd", "0.005 KWD"),
    ],
)
def test_an_amount_is_said_with_as_many_digits_as_stripe_counts(amount: int, currency: str, words: str) -> None:
    assert currencies.in_words(amount, currency) == words


@pytest.mark.either_engine
@pytest.mark.parametrize(
    ("amount", "currency", "payable"),
    [(1999, "usd", 1999), (1999, "jpy", 1999), (1999, "kwd", 1990), (1999, "isk", 1900), (99, "ugx", 0)],
)
def test_an_amount_that_stripe_would_refuse_is_rounded_down(amount: int, currency: str, payable: int) -> None:
    assert currencies.payable(amount, currency) == payable


@pytest.mark.either_engine
def test_the_pages_know_the_same_currencies() -> None:
    written = dict(re.findall(r'const (\w+) = "([a-z ]+)"', PAGE.read_text()))

    assert set(written["WHOLE"].split()) == currencies.WHOLE
    assert set(written["THOUSANDTHS"].split()) == currencies.THOUSANDTHS
