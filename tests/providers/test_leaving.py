"""A reply that is left, or that its listener takes a while with."""

from __future__ import annotations

import asyncio
import gc

import pytest

from app.providers.guards import Watch
from app.providers.provider import Part, Pause, Words
from tests.fakes.upstream import text_of
from tests.figures import figure
from tests.providers.asking import Told, ask, asked, leave, provider_with, read
from tests.waiting import eventually

pytestmark = pytest.mark.either_engine


@pytest.mark.parametrize("fault", ["stall_before_headers", "stall_before_content", "stall", "pings_only", "huge_chunk"])
async def test_a_stopped_reply_s_connection_is_closed_within_a_quarter_second(fault: str) -> None:
    async with provider_with(fault) as (provider, fake):
        left_at = await leave(asked(provider, ask()), fake)
        await eventually(lambda: fake.last.ending == "hung_up")

        assert fake.last.ended_at
        figure(f"S4: {fault}: the upstream is left after", fake.last.ended_at - left_at, 0.25, "s")
        assert fake.open_connections == 0


async def test_leaving_a_reply_between_two_words_hangs_up() -> None:
    async with provider_with(tokens=1000, gap_seconds=0.02) as (provider, fake):
        heard: list[Part] = []
        reading = asyncio.create_task(provider.reply(ask(max_tokens=1000), heard.append))
        await eventually(lambda: len(heard) > 1)
        reading.cancel()

        await eventually(lambda: fake.last.ending == "hung_up")


async def test_one_reply_that_is_left_does_not_disturb_another() -> None:
    async with provider_with(tokens=30, gap_seconds=0.01) as (provider, fake):
        other = asyncio.create_task(read(asked(provider, ask())))
        await leave(asked(provider, ask()), fake)
        told = await other

    assert told.text == text_of(30)
    assert sorted(record.ending for record in fake.seen) == ["finished", "hung_up"]


async def test_a_slow_reader_is_not_held_against_the_upstream() -> None:
    async with provider_with(tokens=40, gap_seconds=0.05, progress_seconds=0.5) as (provider, fake):
        told, pauses = Told(), 0

        async def for_long() -> None:
            """Nothing is read meanwhile, for several times what the upstream itself may take."""
            await eventually(lambda: fake.last.ending == "finished")

        def hear(part: Part) -> Pause | None:
            nonlocal pauses
            told.take(part)
            pauses += isinstance(part, Words)
            return for_long if pauses == 1 else None

        await provider.reply(ask(), hear)

    assert pauses > 1
    assert told.text == text_of(40)
    assert told.finished


def watches() -> set[Watch]:
    gc.collect()
    return {each for each in gc.get_objects() if type(each) is Watch}


async def test_nothing_watches_a_reply_that_has_ended() -> None:
    of_others = watches()

    async with provider_with() as (provider, fake):
        await read(asked(provider, ask()))
        await leave(asked(provider, ask("fault-stall")), fake)

    assert watches() <= of_others
