"""Readers here of replies that another worker writes, while this one is told to stop."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from app.chat.elsewhere import Elsewhere, Followed
from app.services import Services
from tests.chat.test_places import elsewhere_in

DRAIN_SECONDS = 10.0


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> defaultdict[str, asyncio.Event]:
    """Of each stream: when its worker has ended it."""
    ends: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def follow(_self: Elsewhere, _user_id: str, stream_id: str, _its: Followed) -> None:
        await ends[stream_id].wait()

    monkeypatch.setattr(Elsewhere, "_follow", follow)
    return ends


def read(elsewhere: Elsewhere, stream_id: str) -> None:
    _log, enter, _leave = elsewhere.find("usr_1", stream_id, 0)
    enter()


async def test_a_drain_waits_for_those_who_come_meanwhile(
    services: Services, ends: defaultdict[str, asyncio.Event]
) -> None:
    elsewhere = elsewhere_in(services, services.db)
    read(elsewhere, "str_1")
    draining = asyncio.create_task(elsewhere.drain(DRAIN_SECONDS))
    await asyncio.wait({draining}, timeout=0.01)

    read(elsewhere, "str_2")
    ends["str_1"].set()
    early, _ = await asyncio.wait({draining}, timeout=0.05)
    ends["str_2"].set()
    await asyncio.wait_for(draining, DRAIN_SECONDS / 2)

    assert early == set()


async def test_a_drain_ends_at_its_deadline(services: Services, ends: defaultdict[str, asyncio.Event]) -> None:
    elsewhere = elsewhere_in(services, services.db)
    read(elsewhere, "str_1")

    await asyncio.wait_for(elsewhere.drain(0.05), DRAIN_SECONDS / 2)

    assert not ends["str_1"].is_set()
    ends["str_1"].set()
