"""L1: the real ledger against a model of a hundred lines, step by step, with everything that may go wrong in between.

After every step each balance equals the model's and the audit's questions find nothing; at the end of each history
every entry equals the model's and every hash is right.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from app.db import Session
from app.ledger import audit, expiry, ledger
from app.ledger.ledger import InsufficientTokens, Outcome, ReferenceReused, Terms, UnknownHold, Used
from app.ledger.rates import Rates
from tests.databases import Databases
from tests.figures import DEEP
from tests.ledger.conftest import person
from tests.ledger.model import Cause, Model, Purse
from tests.ledger.moved_clock import MovedDatabase

STEPS = {"sqlite": 15_000, "postgres": 3_000}
STEPS_OF_A_HISTORY = 50
PARTS = 3
WELCOME = 500
DEEPER = 67 if DEEP else 1

# `again` is how far back to look for something that was done before; mostly it is something new.
users = st.integers(0, 2)
again = st.sampled_from([None, None, None, None, None, 0, 1, 2])
kinds = st.sampled_from(["purchase", "adjustment"])
amounts = st.sampled_from([1, 50, 400, 1000])
counts = st.sampled_from([0, 1, 13, 60, 10**8])
rates = st.sampled_from([Rates(), Rates(), Rates(333, 1501), Rates(0, 0)])
terms = st.builds(Terms, st.sampled_from([0, 5, 20]), st.sampled_from([0, 16, 90]), rates)
lifetimes = st.sampled_from([timedelta(hours=-1), timedelta(0), timedelta(minutes=5), timedelta(hours=2)])
moves = st.sampled_from([timedelta(hours=-3), timedelta(microseconds=-1), timedelta(minutes=5), timedelta(days=1)])
rarely = st.sampled_from([False] * 5 + [True])
outcomes = st.sampled_from(["settled", "released", "expired"])


ENTRIES = "SELECT user_id, sequence, kind, reference, tokens, balance_after FROM ledger_entries"
REFUSALS = (InsufficientTokens, ReferenceReused, UnknownHold)
WORTH_MEETING = (
    *("InsufficientTokens", "ReferenceReused", "UnknownHold", "UndoneOnPurpose", "done again"),
    *("purchase", "adjustment", "usage", "owed", "a grant pays a debt", "a freed hold pays a debt"),
    *("settled", "released", "expired", "surplus"),
)
Name = TypeVar("Name")


class UndoneOnPurpose(Exception):
    """At the end of a unit in which everything else went well."""


def back(names: Iterable[Name], how_far: int | None) -> Name | None:
    """The newest name, or one of those before it."""
    known = list(names)
    return known[-1 - how_far % len(known)] if known and how_far is not None else None


class World:
    """What all histories of one run share: where databases come from, the loop, and how many steps were made."""

    def __init__(self, databases: Databases, folder: Path, runner: asyncio.Runner) -> None:
        self.databases, self.folder, self.runner = databases, folder, runner
        self.steps = 0
        self.seen: Counter[str] = Counter()


class History(RuleBasedStateMachine):
    """One database, three people, and fifty things that happen."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.db = MovedDatabase(world.databases.fresh(world.folder), datetime.now(UTC))
        self.people = world.runner.run(self.begin())
        self.model = Model({user_id: Purse() for user_id in self.people})
        for user_id in self.people:
            self.model.credit(user_id, WELCOME, "welcome", user_id)

    async def begin(self) -> list[str]:
        await self.db.open()
        return [await person(self.db, f"person{number}", WELCOME) for number in range(3)]

    @rule(user=users, tokens=amounts, kind=kinds, again=again, fails=rarely)
    def credit(self, user: int, tokens: int, kind: str, again: int | None, fails: bool) -> None:
        who, (kind, reference) = self.people[user], self.cause(kind, again)
        self.step(
            lambda session: ledger.credit(session, who, tokens, kind=kind, reference=reference),
            lambda model: model.credit(who, tokens, kind, reference),
            fails,
        )

    @rule(user=users, tokens=amounts, kind=kinds, again=again, fails=rarely)
    def debit(self, user: int, tokens: int, kind: str, again: int | None, fails: bool) -> None:
        who, (kind, reference) = self.people[user], self.cause(kind, again)
        self.step(
            lambda session: ledger.debit(session, who, tokens, kind=kind, reference=reference),
            lambda model: model.debit(who, tokens, kind, reference),
            fails,
        )

    @rule(user=users, of=terms, again=again, lifetime=lifetimes, fails=rarely)
    def hold(self, user: int, of: Terms, again: int | None, lifetime: timedelta, fails: bool) -> None:
        who, hold_id = self.people[user], back(self.model.holds, again) or f"hld_{len(self.model.holds)}"
        self.step(
            lambda session: ledger.hold(session, who, of, hold_id=hold_id, lifetime=lifetime),
            lambda model: model.hold(who, of, hold_id, self.db.now + lifetime),
            fails,
        )

    @rule(which=st.integers(0, 3), again=again, outcome=outcomes, prompt=counts, completion=counts, fails=rarely)
    def resolve(
        self, which: int, again: int | None, outcome: Outcome, prompt: int, completion: int, fails: bool
    ) -> None:
        hold_id = back(self.model.open_holds(), which) or back(self.model.holds, which) or "hld_unknown"
        if again is not None:
            hold_id = back(self.model.resolutions, again) or hold_id
        used = Used(prompt, completion, "us") if outcome == "settled" else Used()
        self.step(
            lambda session: ledger.resolve(session, hold_id, outcome, used),
            lambda model: model.resolve(hold_id, outcome, used.prompt_tokens, used.completion_tokens),
            fails,
        )

    @rule(user=users, of=terms, back_then=st.booleans(), prompt=counts, completion=counts, outcome=outcomes)
    def reply(self, user: int, of: Terms, back_then: bool, prompt: int, completion: int, outcome: Outcome) -> None:
        """What mostly happens, in a row, sometimes with all tokens taken back in the middle."""
        self.hold(user, of, None, timedelta(minutes=5), False)
        if back_then:
            self.debit(user, 1000, "adjustment", None, False)
        self.resolve(0, None, outcome, prompt, completion, False)

    @rule(user=users, of=terms)
    def overrun(self, user: int, of: Terms) -> None:
        """A provider that claims far more than was held, which chance alone meets too seldom."""
        self.reply(user, of, False, 10**8, 0, "settled")

    @rule(by=moves)
    def move_the_clock(self, by: timedelta) -> None:
        self.db.now += by
        self.compare()

    @rule()
    def sweep(self) -> None:
        """One after another, in the order found: a sweep that ends many at once pays debts in an order of its own."""
        found = self.world.runner.run(self.overdue())

        assert sorted(found) == sorted(self.model.overdue(self.db.now))
        self.compare()
        for hold_id in found:
            self.step(
                partial(expiry.expire, hold_id=hold_id),
                partial(Model.resolve, hold_id=hold_id, outcome="expired", prompt=0, completion=0),
                fails=False,
            )

    async def overdue(self) -> list[str]:
        async with self.db.read() as session:
            return await expiry.overdue(session)

    def cause(self, kind: str, again: int | None) -> Cause:
        return back(self.model.answers, again) or (kind, f"cause {len(self.model.answers)}")

    def step(
        self, real: Callable[[Session], Awaitable[object]], expected: Callable[[Model], object], fails: bool
    ) -> None:
        # A copy; `deepcopy` takes three times as long.
        after: Model = pickle.loads(pickle.dumps(self.model))
        try:
            answer = expected(after)
        except REFUSALS as error:
            answer, after = type(error), self.model

        happened = self.world.runner.run(self.attempt(real, fails))

        if isinstance(answer, type) or not fails:
            assert happened == answer
            self.world.seen["done again"] += not isinstance(answer, type) and after == self.model
            self.model = after
        else:
            assert happened is UndoneOnPurpose
        self.compare()

    async def attempt(self, real: Callable[[Session], Awaitable[object]], fails: bool) -> object:
        async def unit(session: Session) -> object:
            answer = await real(session)
            if fails:
                raise UndoneOnPurpose
            return answer

        try:
            return await self.db.transact(unit)
        except (*REFUSALS, UndoneOnPurpose) as error:
            self.world.seen[type(error).__name__] += 1
            return type(error)

    def compare(self) -> None:
        self.world.steps += 1
        self.world.runner.run(self.nothing_differs())

    async def nothing_differs(self) -> None:
        async with self.db.glance() as session:
            for user_id in self.people:
                assert await ledger.balance(session, user_id) == self.model.balance(user_id)
            assert await audit.differences(session) == []

    def teardown(self) -> None:
        self.world.seen.update(self.model.happenings())
        self.world.runner.run(self.end())

    async def end(self) -> None:
        async with self.db.read() as session:
            entries = await session.rows(ENTRIES)
            broken = await audit.broken_chains(session)
        await self.db.close()
        assert sorted(map(tuple, entries)) == sorted(self.model.numbered_entries())
        assert broken == []


# In parts, so that two processors can share the work.
@pytest.mark.parametrize("part", range(1, PARTS + 1))
def test_the_ledger_never_differs_from_its_model(databases: Databases, tmp_path: Path, part: int) -> None:
    promised = STEPS[databases.kind] * DEEPER // PARTS
    with asyncio.Runner() as runner:
        world = World(databases, tmp_path, runner)

        class HistoryOfThisWorld(History):
            def __init__(self) -> None:
                super().__init__(world)

        # Some histories are shorter than they might be.
        while world.steps < promised:
            run_state_machine_as_test(
                HistoryOfThisWorld,
                settings=settings(
                    max_examples=-((world.steps - promised) // STEPS_OF_A_HISTORY),
                    stateful_step_count=STEPS_OF_A_HISTORY,
                    suppress_health_check=list(HealthCheck),
                    database=None,
                ),
            )

    # A model that never meets what it is there for would agree with any ledger.
    assert {what: world.seen[what] for what in WORTH_MEETING if world.seen[what] < promised // 3000} == {}
