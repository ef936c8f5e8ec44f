"""What is written down of a reply while it goes on fits together, whatever it says meanwhile."""

from __future__ import annotations

import pytest

from app.chat.turn import Reply
from app.services import Services
from app.settings import Settings
from tests.chat.callers import Caller
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider

CHECKPOINTS = 20
SECONDS_MAX = 20


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, welcome_tokens=1_000_000)


async def test_a_checkpoint_is_of_one_moment(caller: Caller, provider: ScriptedProvider, services: Services) -> None:
    provider.words, provider.endless = [" " * 64], True
    stream_ids = [await caller.begin() for _ in range(3)]
    sums, kept = [], []

    for _ in range(CHECKPOINTS):
        await services.recovery.save()
        async with services.db.read() as session:
            rows = await session.rows(
                "SELECT turns.id, lengths, content FROM turns JOIN messages ON messages.id = message_id"
            )
        sums += [sum(int(length) for length in row["lengths"].split(",") if length) for row in rows]
        kept += [len(row["content"]) for row in rows]
    for stream_id in stream_ids:
        await caller.stop(stream_id)

    assert sums == kept
    assert max(kept) > 0


def test_what_is_said_after_a_checkpoint_follows_what_was_said_before() -> None:
    reply = Reply()
    assert (reply.text, reply.lengths) == ("", "")

    reply.say("Ru")
    reply.say("n")
    assert (reply.text, reply.lengths) == ("Run", "2,1")
    reply.say("!")

    assert (reply.text, reply.lengths) == ("Run!", "2,1,1")
