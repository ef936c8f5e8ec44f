"""A unit that is refused because of what its neighbour did is told so when the neighbour's work can be seen."""

from __future__ import annotations

import asyncio

from app.db import ConstraintViolated, Database


async def take_the_place(db: Database, name: str, place: str = "place") -> str | None:
    """For who found the place taken, whoever can be seen in it by then."""
    try:
        async with db.begin() as session:
            await session.run("INSERT INTO leases (name, holder, until) VALUES ($1, $2, now())", place, name)
    except ConstraintViolated:
        async with db.read() as session:
            row = await session.row("SELECT holder FROM leases WHERE name = 'place'")
        return str(row["holder"]) if row else "nobody"
    return None


async def test_who_is_refused_finds_what_it_was_refused_for(database_url: str) -> None:
    db = Database(database_url)
    await db.open()
    try:
        # While this one is committed, the others line up for a commit that they share.
        first = asyncio.create_task(take_the_place(db, "first", "somewhere else"))
        found = await asyncio.gather(*(take_the_place(db, f"number {number}") for number in range(50)))
        await first
    finally:
        await db.close()

    winner = f"number {found.index(None)}"
    assert sorted(found, key=str) == [None] + [winner] * 49
