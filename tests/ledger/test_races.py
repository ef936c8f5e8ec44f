"""L6, L7, L8: whoever meets at the same account, one thing happens, and everybody learns which."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from app.accounts import accounts
from app.db import Database, Session
from app.ledger import expiry, ledger
from app.ledger.ledger import Balance, InsufficientTokens, Resolution, Used
from tests.figures import DEEP
from tests.ledger.books import balance, credit, hold, rows, terms
from tests.ledger.conftest import person

TRIALS = {"sqlite": 2_000, "postgres": 300}
DEEPER = 20 if DEEP else 1
HOLDS_AT_ONCE = 50
HELD, PLENTY = 20, 10**9
RACERS: tuple[Callable[[Session, str], Awaitable[Resolution]], ...] = (
    lambda session, hold_id: ledger.settle(session, hold_id, Used(1, 4, "provider")),
    lambda session, hold_id: ledger.settle(session, hold_id, Used(2, 900, "us")),
    ledger.release,
    expiry.expire,
)


async def test_a_hold_ends_exactly_once_whoever_races(db: Database, ann: str) -> None:
    await credit(db, ann, PLENTY)
    rounds = TRIALS[db.kind] * DEEPER // HOLDS_AT_ONCE
    outcomes: Counter[str] = Counter()

    for number in range(rounds):
        hold_ids = [f"hld_{number}_{index}" for index in range(HOLDS_AT_ONCE)]
        await asyncio.gather(*(hold(db, ann, hold_id, of=terms(HELD)) for hold_id in hold_ids))
        barrier = asyncio.Barrier(HOLDS_AT_ONCE * len(RACERS))
        seen = await asyncio.gather(
            *(race(db, barrier, ann, hold_id, number + index) for index, hold_id in enumerate(hold_ids))
        )
        assert all(len(set(resolutions)) == 1 for resolutions in seen)
        outcomes.update(f"{resolutions[0].outcome} for {resolutions[0].charged}" for resolutions in seen)

    resolved = await rows(db, "SELECT hold_id, charged FROM hold_resolutions")
    assert len(resolved) == len({row["hold_id"] for row in resolved}) == rounds * HOLDS_AT_ONCE == outcomes.total()
    assert await balance(db, ann) == Balance(PLENTY - sum(row["charged"] for row in resolved), 0, 0)
    # Every racer won somewhere, or this was no race.
    assert set(outcomes) == {"settled for 5", f"settled for {HELD}", "released for 0", "expired for 0"}


async def race(db: Database, barrier: asyncio.Barrier, owner: str, hold_id: str, first: int) -> list[Resolution]:
    """All racers at one hold; who is first at the starting line changes from hold to hold, and who goes in step."""

    async def run(place: int) -> Resolution:
        racer = RACERS[(first + place) % len(RACERS)]
        await barrier.wait()
        return await db.transact(lambda session: racer(session, hold_id), of=owner if place % 2 else None)

    return list(await asyncio.gather(*map(run, range(len(RACERS)))))


async def test_equal_credits_at_once_are_one(db: Database, ann: str) -> None:
    answers = await asyncio.gather(*(credit(db, ann, 100) for _ in range(50)))

    assert set(answers) == {100}
    assert await balance(db, ann) == Balance(100, 0, 0)


async def test_credits_at_once_open_one_account(db: Database) -> None:
    async with db.begin() as session:
        ann = (await accounts.create(session, "ann@example.com", "-", datetime.now(UTC))).id

    answers = await asyncio.gather(*(credit(db, ann, 100, reference=f"{number % 5}") for number in range(50)))

    assert set(answers) == {100, 200, 300, 400, 500}
    assert await balance(db, ann) == Balance(500, 0, 0)


async def test_equal_holds_at_once_are_one(db: Database) -> None:
    """Many rounds, because in the first the connections are only being made."""
    ann = await person(db, "ann", 10_000)
    rounds = [f"hld_{number}" for number in range(20)]

    for name in rounds:
        await asyncio.gather(*(hold(db, ann, name, of=terms(10)) for _ in range(50)))

    assert await balance(db, ann) == Balance(10_000, 200, 0)
    assert [row["id"] for row in await rows(db, "SELECT id FROM holds ORDER BY created_at, id")] == rounds


async def test_a_balance_for_seven_pays_for_exactly_seven(db: Database) -> None:
    ann = await person(db, "ann", 79)
    over = asyncio.Event()
    lowest: list[int] = []

    async def watch() -> None:
        while not over.is_set():
            lowest.append((await balance(db, ann)).available)

    async def try_to_hold(number: int) -> bool:
        try:
            await hold(db, ann, f"hld_{number}", of=terms(11))
        except InsufficientTokens:
            return False
        return True

    watching = asyncio.create_task(watch())
    try:
        taken = await asyncio.gather(*map(try_to_hold, range(200)))
    finally:
        over.set()
        await watching

    assert sum(taken) == 7
    assert min(lowest) >= 0
    assert await balance(db, ann) == Balance(79, 77, 0)


async def test_everything_at_once_leaves_the_books_whole(db: Database) -> None:
    """The fixture audits afterwards; here the sum is done by hand."""
    people = [await person(db, f"person{number}", 1000) for number in range(4)]

    async def live(user_id: str, number: int) -> int:
        name = f"{user_id}_{number}"
        await hold(db, user_id, name, of=terms(10))
        await credit(db, user_id, 7, reference=name)
        await db.transact(lambda session: ledger.debit(session, user_id, 3, kind="refund", reference=name))
        ended = await db.transact(lambda session: ledger.settle(session, name, Used(0, number, "us")), of=user_id)
        return ended.charged

    lives = [(user_id, number) for number in range(25) for user_id in people]
    charged = await asyncio.gather(*(live(*one) for one in lives))

    for place, user_id in enumerate(people):
        charges = charged[place :: len(people)]
        assert await balance(db, user_id) == Balance(1000 + 25 * 4 - sum(charges), 0, 0)
        assert sum(charges) == sum(min(number, 10) for number in range(25))
