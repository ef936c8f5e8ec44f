"""What a reply may cost at most, before anybody is asked for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ledger.ledger import Balance
from app.ledger.rates import Rates
from app.metering.meter import REPLY_TOKENS_MIN, Quote, quote

ONE, HALF, FREE, DEAR = Rates(), Rates(500, 500), Rates(0, 0), Rates(1000, 3000)
# What there is (balance, held), what is asked (prompt, reply at most, rates), and the answer.
TABLE = {
    "enough for all": ((1000, 0), (10, 100, ONE), Quote(100, 110, 890, True)),
    "exactly enough": ((110, 0), (10, 100, ONE), Quote(100, 110, 0, True)),
    "one short is cut by one": ((109, 0), (10, 100, ONE), Quote(99, 109, 0, True)),
    "what is held is not there": ((1000, 900), (10, 100, ONE), Quote(90, 100, 900, True)),
    "the shortest reply": ((26, 0), (10, 100, ONE), Quote(16, 26, 0, True)),
    "too short to be a reply": ((25, 0), (10, 100, ONE), Quote(15, 110, -85, False)),
    "not even the prompt": ((9, 0), (10, 100, ONE), Quote(0, 110, -101, False)),
    "nothing at all": ((0, 0), (0, 16, ONE), Quote(0, 16, -16, False)),
    "a short reply asked for": ((13, 0), (10, 3, ONE), Quote(3, 13, 0, True)),
    "a short reply is not cut shorter": ((12, 0), (10, 3, ONE), Quote(2, 13, -1, False)),
    "no reply asked for": ((10, 0), (10, 0, ONE), Quote(0, 10, 0, True)),
    "no reply, and no prompt to be paid": ((9, 0), (10, 0, ONE), Quote(0, 10, -1, False)),
    "half the price": ((55, 0), (10, 100, HALF), Quote(100, 55, 0, True)),
    "half a token rounds up": ((100, 0), (10, 1, HALF), Quote(1, 6, 94, True)),
    "a dear reply is cut": ((100, 0), (10, 100, DEAR), Quote(30, 100, 0, True)),
    "a free model holds one": ((5, 0), (10, 100, FREE), Quote(100, 1, 4, True)),
    "a free model still needs that one": ((0, 0), (10, 100, FREE), Quote(100, 1, -1, False)),
}


@pytest.mark.parametrize(("has", "asked", "expected"), TABLE.values(), ids=TABLE.keys())
def test_the_quote(has: tuple[int, int], asked: tuple[int, int, Rates], expected: Quote) -> None:
    assert quote(Balance(*has, 0), *asked) == expected


@given(
    has=st.builds(Balance, st.integers(0, 10**6), st.just(0), st.just(0)),
    prompt=st.integers(0, 10**5),
    most=st.integers(0, 10**5),
    rates=st.builds(Rates, st.integers(0, 5000), st.integers(0, 5000)),
)
def test_what_is_affordable_is_held_within_the_balance_and_cut_no_more_than_needed(
    has: Balance, prompt: int, most: int, rates: Rates
) -> None:
    offer = quote(has, prompt, most, rates)

    if offer.affordable:
        assert max(1, rates.cost(prompt, offer.max_tokens)) == offer.held <= has.available
        assert min(most, REPLY_TOKENS_MIN) <= offer.max_tokens <= most
        assert offer.max_tokens == most or rates.cost(prompt, offer.max_tokens + 1) > has.available
    else:
        assert max(1, rates.cost(prompt, min(most, REPLY_TOKENS_MIN))) > has.available
