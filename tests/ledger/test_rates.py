"""What tokens cost: rounded up once, never negative, and what a balance affords is exactly what it then pays for."""

from __future__ import annotations

import pytest

from app.ledger.rates import RATE_MAX, TOKENS_MAX, Rates


@pytest.mark.parametrize(
    ("rates", "prompt", "completion", "cost"),
    [
        (Rates(), 3, 4, 7),
        (Rates(500, 500), 1, 0, 1),
        (Rates(500, 500), 1, 1, 1),
        (Rates(500, 500), 1, 2, 2),
        (Rates(1, 0), 1000, 10**6, 1),
        (Rates(1, 0), 1001, 10**6, 2),
        (Rates(0, 0), 10**6, 10**6, 0),
        (Rates(100, 3000), 10, 2, 7),
    ],
)
def test_a_cost_is_rounded_up_once_over_prompt_and_reply(rates: Rates, prompt: int, completion: int, cost: int) -> None:
    assert rates.cost(prompt, completion) == cost


@pytest.mark.parametrize("rate", [-1, RATE_MAX + 1])
def test_a_price_beyond_all_measure_is_refused_for_prompt_and_reply(rate: int) -> None:
    for rates in ({"input": rate}, {"output": rate}):
        with pytest.raises(ValueError, match="rate"):
            Rates(**rates)

    assert (Rates(0, RATE_MAX).output, Rates(RATE_MAX, 0).input) == (RATE_MAX, RATE_MAX)


@pytest.mark.parametrize("rates", [Rates(), Rates(333, 1501), Rates(1, RATE_MAX), Rates(999, 1)])
@pytest.mark.parametrize("prompt", [0, 1, 7, 90])
def test_what_is_affordable_can_be_paid_and_one_more_cannot(rates: Rates, prompt: int) -> None:
    for available in (*range(200), 10**6):
        affordable = rates.affordable(available, prompt)

        assert affordable == 0 or rates.cost(prompt, affordable) <= available
        assert rates.cost(prompt, affordable + 1) > available


def test_a_free_reply_is_always_affordable_once_its_prompt_is_paid() -> None:
    assert Rates(1000, 0).affordable(10, 10) == TOKENS_MAX
    assert Rates(1000, 0).affordable(9, 10) == 0
    assert Rates(0, 0).affordable(0, 10) == TOKENS_MAX
