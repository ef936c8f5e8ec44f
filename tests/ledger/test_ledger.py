"""Each verb of the ledger: what it does, once, and what it says when it is asked again."""

from __future__ import annotations

import pytest

from app.db import ConstraintViolated, Database
from app.ledger.ledger import Balance, InsufficientTokens, ReferenceReused, Resolution, Terms, UnknownHold
from app.ledger.rates import Rates
from tests.ledger.books import balance, credit, debit, dump, hold, release, rows, settle, terms
from tests.ledger.conftest import person


async def test_an_account_begins_with_nothing(db: Database, ann: str) -> None:
    assert await balance(db, ann) == Balance(0, 0, 0)


async def test_somebody_without_an_account_has_nothing(db: Database) -> None:
    assert await balance(db, "usr_nobody") == Balance(0, 0, 0)


async def test_tokens_for_nobody_are_refused(db: Database) -> None:
    with pytest.raises(ConstraintViolated):
        await credit(db, "usr_nobody", 10)


async def test_a_credit_adds_and_answers_with_the_balance_after_it(db: Database, ann: str) -> None:
    first = await credit(db, ann, 100, reference="one")
    second = await credit(db, ann, 5, reference="two")

    assert (first, second) == (100, 105)
    assert await balance(db, ann) == Balance(105, 0, 0)


async def test_a_debit_takes_and_answers_with_what_it_took(db: Database, ann: str) -> None:
    await credit(db, ann, 100)

    taken = await debit(db, ann, 30)

    assert taken == 30
    assert await balance(db, ann) == Balance(70, 0, 0)


async def test_a_hold_sets_aside_and_moves_nothing(db: Database, ann: str) -> None:
    await credit(db, ann, 100)

    await hold(db, ann, of=terms(30))

    assert await balance(db, ann) == Balance(100, 30, 0)
    assert (await balance(db, ann)).available == 70


async def test_a_hold_is_the_worst_case_and_keeps_its_terms(db: Database, ann: str) -> None:
    await credit(db, ann, 1000)

    await hold(db, ann, of=Terms(10, 100, Rates(500, 2001), "a-model", "cnv_1", "msg_1"))

    [row] = await rows(db, "SELECT * FROM holds")
    named = (
        "tokens",
        "prompt_tokens",
        "max_tokens",
        "input_rate",
        "output_rate",
        "model",
        "conversation_id",
        "message_id",
    )
    assert [row[name] for name in named] == [206, 10, 100, 500, 2001, "a-model", "cnv_1", "msg_1"]


async def test_a_settled_hold_charges_what_was_used_and_frees_the_rest(db: Database, ann: str) -> None:
    await credit(db, ann, 100)
    await hold(db, ann, of=terms(30))

    ended = await settle(db, prompt=4, completion=8)

    assert ended == Resolution("hld_1", "settled", 4, 8, charged=12, surplus=0, released=18, balance_after=88)
    assert await balance(db, ann) == Balance(88, 0, 0)


async def test_a_released_hold_charges_nothing(db: Database, ann: str) -> None:
    await credit(db, ann, 100)
    await hold(db, ann, of=terms(30))

    ended = await release(db)

    assert ended == Resolution("hld_1", "released", 0, 0, charged=0, surplus=0, released=30, balance_after=100)
    assert await balance(db, ann) == Balance(100, 0, 0)


async def test_a_reply_that_cost_nothing_settles_without_an_entry(db: Database, ann: str) -> None:
    await credit(db, ann, 100)
    await hold(db, ann, of=Terms(10, 20, Rates(0, 0)))

    ended = await settle(db, prompt=10, completion=20)

    assert (ended.outcome, ended.charged, ended.released, ended.prompt_tokens) == ("settled", 0, 1, 10)
    assert await rows(db, "SELECT * FROM ledger_entries WHERE kind = 'usage'") == []
    assert await balance(db, ann) == Balance(100, 0, 0)


async def test_the_price_is_the_one_at_the_time_of_the_hold_rounded_up_once(db: Database, ann: str) -> None:
    await credit(db, ann, 100)
    await hold(db, ann, of=Terms(3, 10, Rates(100, 1500)))

    ended = await settle(db, prompt=3, completion=1)

    assert ended.charged == 2


async def test_what_is_not_available_cannot_be_held(db: Database, ann: str) -> None:
    await credit(db, ann, 100)
    await hold(db, ann, "hld_0", of=terms(60))

    with pytest.raises(InsufficientTokens) as refused:
        await hold(db, ann, "hld_1", of=Terms(10, 40, Rates()))

    assert (refused.value.status, refused.value.code) == (402, "insufficient_tokens")
    assert refused.value.details == {"balance": 100, "available": 40, "needed": 50, "affordable": 30}
    assert await balance(db, ann) == Balance(100, 60, 0)


async def test_exactly_what_is_available_can_be_held(db: Database, ann: str) -> None:
    await credit(db, ann, 100)

    await hold(db, ann, of=terms(100))

    assert (await balance(db, ann)).available == 0


async def test_a_hold_without_an_account_is_refused_as_one_without_tokens(db: Database) -> None:
    with pytest.raises(InsufficientTokens):
        await hold(db, "usr_nobody")


async def test_a_hold_that_never_was_cannot_end(db: Database, ann: str) -> None:
    for end in (settle, release):
        with pytest.raises(UnknownHold):
            await end(db, "hld_unknown")


@pytest.mark.parametrize("tokens", [0, -1, 10**15 + 1])
async def test_what_is_no_amount_is_loud(db: Database, ann: str, tokens: int) -> None:
    for verb in (credit, debit):
        with pytest.raises(ValueError, match="amount"):
            await verb(db, ann, tokens)


@pytest.mark.parametrize("reference", ["", "x" * 256, "two\nlines"])
async def test_what_is_no_reference_is_loud(db: Database, ann: str, reference: str) -> None:
    for verb in (credit, debit):
        with pytest.raises(ValueError, match="reference"):
            await verb(db, ann, 1, reference=reference)


async def test_two_people_share_nothing(db: Database) -> None:
    ann, bob = await person(db, "ann", 100), await person(db, "bob", 50)

    await hold(db, ann, "hld_ann", of=terms(40))
    await debit(db, bob, 80)
    await settle(db, "hld_ann", completion=25)

    assert await balance(db, ann) == Balance(75, 0, 0)
    assert await balance(db, bob) == Balance(0, 0, 30)


async def test_a_verb_without_effect_leaves_every_row_as_it_was(db: Database, ann: str) -> None:
    await credit(db, ann, 100)
    before = await dump(db)

    with pytest.raises(ReferenceReused):
        await credit(db, ann, 101)
    with pytest.raises(InsufficientTokens):
        await hold(db, ann, of=terms(101))
    await credit(db, ann, 100)

    assert await dump(db) == before
