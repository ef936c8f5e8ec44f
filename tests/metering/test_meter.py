"""A hold around a reply ends once, however the reply ends, and charges the last word about what was used."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from app.db import DatabaseUnavailable
from app.ledger import ledger
from app.ledger.ledger import Balance, InsufficientTokens, Terms
from app.ledger.rates import Rates
from app.metering.meter import Held, Meter
from app.observability.metrics import Metrics
from tests.ledger.books import HOUR, balance, rows
from tests.ledger.conftest import person
from tests.metering.conftest import TroubledDatabase
from tests.waiting import eventually

TERMS = Terms(10, 90, Rates())


class ReplyFailed(Exception):
    """What a provider may do in the middle of a reply."""


async def outcomes(db: TroubledDatabase) -> list[tuple[str, int]]:
    found = await rows(db, "SELECT outcome, charged FROM hold_resolutions ORDER BY created_at, hold_id")
    return [(row["outcome"], row["charged"]) for row in found]


async def test_while_a_reply_runs_its_worst_case_is_held(db: TroubledDatabase, meter: Meter, ann: str) -> None:
    async with meter.hold(ann, TERMS, lifetime=HOUR) as held:
        meanwhile = await balance(db, ann)

    assert meanwhile == Balance(1000, 100, 0)
    assert (held.tokens, held.max_tokens) == (100, 90)


async def test_a_reply_that_ends_is_charged_for_what_it_used(
    db: TroubledDatabase, meter: Meter, metrics: Metrics, ann: str
) -> None:
    async with meter.hold(ann, TERMS, lifetime=HOUR) as held:
        held.use(10, 25, "provider")

    assert await balance(db, ann) == Balance(965, 0, 0)
    assert held.resolution is not None
    assert (held.resolution.charged, held.resolution.balance_after) == (35, 965)
    assert counted(metrics) == (35, 0)


async def test_the_last_word_about_usage_counts(db: TroubledDatabase, meter: Meter, ann: str) -> None:
    async with meter.hold(ann, TERMS, lifetime=HOUR) as held:
        for completion in (50, 60, 20):
            held.use(10, completion, "us")
        held.use(9, 21, "provider")

    assert await outcomes(db) == [("settled", 30)]
    [row] = await rows(db, "SELECT counted_by FROM hold_resolutions")
    assert row["counted_by"] == "provider"


async def test_nothing_used_is_nothing_charged(db: TroubledDatabase, meter: Meter, metrics: Metrics, ann: str) -> None:
    async with meter.hold(ann, TERMS, lifetime=HOUR):
        pass

    assert await outcomes(db) == [("released", 0)]
    assert counted(metrics) == (0, 0)


async def test_what_was_used_beyond_the_hold_is_the_houses_loss(
    db: TroubledDatabase, meter: Meter, metrics: Metrics, ann: str
) -> None:
    async with meter.hold(ann, TERMS, lifetime=HOUR) as held:
        held.use(10, 290, "provider")

    assert await balance(db, ann) == Balance(900, 0, 0)
    assert counted(metrics) == (100, 200)


@pytest.mark.parametrize("used", [True, False])
async def test_a_reply_that_fails_is_charged_for_what_it_used(
    db: TroubledDatabase, meter: Meter, ann: str, used: bool
) -> None:
    async def reply() -> None:
        async with meter.hold(ann, TERMS, lifetime=HOUR) as held:
            if used:
                held.use(10, 5, "us")
            raise ReplyFailed

    with pytest.raises(ReplyFailed):
        await reply()

    assert await outcomes(db) == [("settled", 15) if used else ("released", 0)]


async def test_a_reply_is_cut_to_what_is_there(db: TroubledDatabase, meter: Meter) -> None:
    bob = await person(db, "bob", 50)

    async with meter.hold(bob, TERMS, lifetime=HOUR) as held:
        pass

    assert (held.tokens, held.max_tokens) == (50, 40)


async def test_who_cannot_pay_for_a_short_reply_is_told_what_is_missing(db: TroubledDatabase, meter: Meter) -> None:
    bob = await person(db, "bob", 25)

    with pytest.raises(InsufficientTokens) as refused:
        async with meter.hold(bob, TERMS, lifetime=HOUR):
            pytest.fail("This reply must not begin.")

    assert refused.value.details == {"balance": 25, "available": 25, "needed": 100, "affordable": 15}
    assert await rows(db, "SELECT id FROM holds") == []


async def test_replies_that_race_for_the_last_tokens_share_them(db: TroubledDatabase, meter: Meter) -> None:
    bob = await person(db, "bob", 100)
    over = asyncio.Event()
    begun: list[Held] = []
    db.takes_units.clear()

    async def reply() -> None:
        async with meter.hold(bob, Terms(0, 40, Rates()), lifetime=HOUR) as held:
            begun.append(held)
            await over.wait()
            held.use(0, held.max_tokens, "us")

    replies = [asyncio.create_task(reply()) for _ in range(10)]
    # All of them have seen the whole balance before the first takes its part of it.
    await eventually(lambda: len(db.tasks & set(replies)) == 10)
    db.takes_units.set()
    while len(begun) + sum(task.done() for task in replies) < 10:
        await asyncio.wait(replies, timeout=0.01)
    over.set()
    results = await asyncio.gather(*replies, return_exceptions=True)

    assert sorted(held.max_tokens for held in begun) == [20, 40, 40]
    assert sum(isinstance(result, InsufficientTokens) for result in results) == 7
    assert await balance(db, bob) == Balance(0, 0, 0)


async def test_a_database_that_is_away_refuses_the_reply_and_holds_nothing(
    db: TroubledDatabase, meter: Meter, ann: str
) -> None:
    db.down = True

    with pytest.raises(DatabaseUnavailable):
        async with meter.hold(ann, TERMS, lifetime=HOUR):
            pytest.fail("This reply must not begin.")

    assert await rows(db, "SELECT id FROM holds") == []


async def test_a_hold_that_expired_meanwhile_is_not_charged(
    db: TroubledDatabase, meter: Meter, metrics: Metrics, ann: str
) -> None:
    async with meter.hold(ann, TERMS, lifetime=HOUR) as held:
        held.use(10, 5, "us")
        await db.transact(lambda session: ledger.resolve(session, held.id, "expired", ledger.Used()))

    assert await outcomes(db) == [("expired", 0)]
    assert counted(metrics) == (0, 0)


async def test_many_replies_of_many_people_are_each_charged_once(db: TroubledDatabase, meter: Meter) -> None:
    people = [await person(db, f"person{number}", 1000) for number in range(3)]

    async def reply(user_id: str, tokens: int) -> None:
        async with meter.hold(user_id, Terms(1, 30, Rates()), lifetime=HOUR) as held:
            held.use(1, tokens, "us")

    await asyncio.gather(*(reply(user_id, tokens) for user_id in people for tokens in range(30)))

    assert Counter([(await balance(db, user_id)).balance for user_id in people]) == {1000 - sum(range(1, 31)): 3}


def counted(metrics: Metrics) -> tuple[float | None, float | None]:
    sample = metrics.registry.get_sample_value
    return sample("prome_tokens_charged_total"), sample("prome_tokens_lost_total")
