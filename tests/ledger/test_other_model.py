"""When another model answers than the one asked for, nobody pays more for it."""

from __future__ import annotations

import pytest

from app.db import Database
from app.ledger import ledger, usage
from app.ledger.ledger import Terms, Used
from app.ledger.rates import Rates
from tests.ledger.books import balance, credit, hold
from tests.ledger.conftest import person

ASKED = Terms(10, 90, Rates(2000, 2000), model="asked")
OLD_END = """
INSERT INTO hold_resolutions (hold_id, user_id, outcome, prompt_tokens, completion_tokens, counted_by,
                              charged, surplus, balance_after, created_at)
VALUES ('hld_1', $1, 'settled', 0, 0, 'tiktoken', 0, 0, 1000, now())
"""


@pytest.mark.parametrize(
    ("rates", "charged", "paid_at"),
    [(Rates(1000, 1000), 30, 1000), (Rates(3000, 3000), 60, 2000), (None, 60, 2000)],
    ids=["cheaper", "dearer", "unknown"],
)
async def test_the_lower_price_is_charged_and_the_receipt_says_who_answered(
    db: Database, ann: str, rates: Rates | None, charged: int, paid_at: int
) -> None:
    await credit(db, ann, 1000)
    await hold(db, ann, of=ASKED)

    used = Used(10, 20, "tiktoken", answered_by="other", rates=rates)
    ended = await db.transact(lambda session: ledger.settle(session, "hld_1", used))

    assert (ended.charged, ended.released) == (charged, 200 - charged)
    assert (await balance(db, ann)).balance == 1000 - charged
    async with db.read() as session:
        receipt = await usage.receipt(session, ann, "hld_1")
    assert receipt is not None
    assert (receipt["model"], receipt["asked_for"]) == ("other", "asked")
    assert (receipt["input_rate"], receipt["output_rate"]) == (paid_at, paid_at)


@pytest.mark.parametrize(
    ("rates", "charged"), [(Rates(1000, 2400), 58), (Rates(6000, 1000), 60)], ids=["dearer replies", "dearer prompts"]
)
async def test_which_price_is_lower_is_seen_by_prompt_and_reply_together(
    db: Database, ann: str, rates: Rates, charged: int
) -> None:
    await credit(db, ann, 1000)
    await hold(db, ann, of=ASKED)

    used = Used(10, 20, "tiktoken", answered_by="other", rates=rates)
    ended = await db.transact(lambda session: ledger.settle(session, "hld_1", used))

    assert ended.charged == charged


async def test_a_receipt_from_before_other_models_answered_says_what_was_asked(doctored: Database) -> None:
    """Resolutions of that time say neither who answered nor at which price."""
    bob = await person(doctored, "bob", 1000)
    await hold(doctored, bob, of=Terms(10, 90, Rates(100, 200), model="asked"))
    async with doctored.begin() as session:
        await session.run(OLD_END, bob)

    async with doctored.read() as session:
        receipt = await usage.receipt(session, bob, "hld_1")

    assert receipt is not None
    assert (receipt["model"], receipt["asked_for"]) == ("asked", "asked")
    assert (receipt["input_rate"], receipt["output_rate"]) == (100, 200)
