"""L11: whatever a provider claims was used, the charge is within the hold and the rest is the house's loss."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from app.db import Database
from app.ledger.rates import TOKENS_MAX
from tests.ledger.books import balance, hold, rows, settle, terms
from tests.ledger.conftest import person

HELD, HAS = 100, 130
# What is claimed, and what of it is believed.
CLAIMS: list[tuple[Any, int]] = [
    (0, 0), (1, 1), (HELD, HELD), (-1, 0), (-(2**63), 0), (HELD * 10, HELD * 10), (2**31, TOKENS_MAX),
    (2**63 - 1, TOKENS_MAX), (2**63, TOKENS_MAX), (2**200, TOKENS_MAX), ("7", 0), ("", 0), (None, 0),
    (True, 0), (False, 0), (1.5, 0), (7.0, 0), (float("nan"), 0), (float("inf"), 0), ([7], 0), ({"total": 7}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("claimed", "believed"), CLAIMS, ids=[repr(claim) for claim, _ in CLAIMS])
@pytest.mark.parametrize("where", ["prompt", "completion"])
async def test_an_odd_claim_never_charges_more_than_was_held(
    db: Database, where: str, claimed: Any, believed: int
) -> None:
    ann = await person(db, "ann", HAS)
    await hold(db, ann, of=terms(HELD))

    ended = await settle(db, **{where: claimed})

    charged = min(believed, HELD)
    assert (ended.charged, ended.surplus, ended.released) == (charged, believed - charged, HELD - charged)
    assert ended.prompt_tokens + ended.completion_tokens == believed
    has = await balance(db, ann)
    assert (has.balance, has.held, has.owed) == (HAS - charged, 0, 0)


async def test_odd_claims_in_both_places_never_make_a_balance_negative(db: Database) -> None:
    ann = await person(db, "ann", HAS)
    claims = [claim for claim, _ in CLAIMS]

    for number, (prompt, completion) in enumerate(product(claims, claims)):
        has = await balance(db, ann)
        if has.available == 0:
            break
        await hold(db, ann, f"hld_{number}", of=terms(1))
        ended = await settle(db, f"hld_{number}", prompt, completion)
        assert 0 <= ended.charged <= 1
        assert ended.charged + ended.surplus == ended.prompt_tokens + ended.completion_tokens

    lowest = await rows(db, "SELECT MIN(balance_after) AS lowest FROM ledger_entries")
    assert lowest[0]["lowest"] >= 0
