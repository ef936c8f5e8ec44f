"""What a crash cut short is told to everybody who has not heard of it, and to nobody twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.chat import events, replay
from app.chat.endings import Draining, Interrupted
from app.services import Services
from tests.chat.callers import STREAMS, Caller, until
from tests.chat.houses import another_worker
from tests.chat.strict import Parser, events_of, text_of
from tests.fakes.provider import ScriptedProvider

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEPT = 4  # `meta` and three words.
LOST = 50
Row = dict[str, Any]


def left_behind(**changed: Any) -> Row:
    error = Interrupted().as_dict()
    return {
        "id": "str_1",
        "state": "interrupted",
        "conversation_id": "cnv_1",
        "message_id": "msg_1",
        "meta": "{}",
        "content": "one two three",
        "content_from": 0,
        "lengths": "4,4,5",
        "finish_reason": None,
        "usage": events.as_text({"tokensUsed": 3}),
        "error": events.as_text({**error, "status": 503, "balance": 1}),
        "ended_at": NOW,
        "collapsed_at": None,
        "told_ends": None,
        **changed,
    }


def heard(row: Row, after: int | None) -> tuple[list[str], int]:
    """What somebody is told who comes back after this event, and the id of the last of it; the row notes it."""
    told = replay.replayed(row, after, NOW, timedelta(minutes=10))
    seen = Parser().feed(b"".join(told.frames[told.seen :]))
    assert [event.id for event in seen] == list(range(told.seen, told.seen + len(seen)))
    if told.note is not None:
        statement, value = told.note
        assert statement == replay.NOTE_TOLD
        row["told_ends"] = ",".join(filter(None, (row["told_ends"], str(value))))
    return [event.name for event in seen], seen[-1].id if seen else -1


@pytest.mark.parametrize("after", [None, *range(KEPT + LOST)])
def test_wherever_a_reader_was_it_hears_the_ending_once(after: int | None) -> None:
    row = left_behind()

    names, last = heard(row, after)
    again, _ = heard(row, last)

    seen = 0 if after is None else after + 1
    assert names == ["meta", "answer", "answer", "answer", "usage", "error"][min(seen, KEPT) :]
    assert again == []


def test_readers_who_were_at_different_places_each_hear_it_once() -> None:
    """Every third: one whose place is where another heard the ending cannot be told from that one."""
    row = left_behind()
    places = range(0, KEPT + LOST, 3)

    first = [heard(row, after) for after in places]
    again = [heard(row, last) for _, last in first]

    assert [names[-1] for names, _ in first] == ["error"] * len(places)
    assert [names for names, _ in again] == [[]] * len(places)


def test_somebody_who_follows_it_has_not_heard_it_wherever_others_have() -> None:
    row = left_behind(told_ends=str(KEPT + 1))

    told = replay.to_the_end(row, KEPT + 2)

    assert not told.is_over
    assert b"event: error" in told.frames[-1]


@pytest.mark.parametrize("seen", [KEPT + 2, KEPT + 3])
def test_what_its_own_worker_ended_is_whole_and_needs_no_note(seen: int) -> None:
    row = left_behind(error=events.as_text({**Draining().as_dict(), "status": 503, "balance": 1}))

    assert heard(row, seen - 1) == ([], -1)
    assert heard(row, KEPT - 1) == (["usage", "error"], KEPT + 1)
    assert row["told_ends"] is None


async def test_readers_of_a_worker_that_was_taken_for_dead_are_told_once(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    """It has said more than the one who ended it could know of."""
    provider.words, provider.pause_before = ["One", " two", " three", "."], 3
    async with caller.asking() as response:
        stream = events_of(response)
        seen = await until(stream, "answer", 3)
        stream_id = seen[0].data["streamId"]
        await ended_by_another(services, stream_id)
        provider.go_on.set()
        seen += [event async for event in stream]

    again = await caller.http.get(f"{STREAMS}/{stream_id}", headers={"Last-Event-ID": str(seen[-1].id)})

    assert seen[-1].data["code"] == "interrupted"
    assert text_of(seen).startswith("One two three")
    assert again.status_code == 204


async def ended_by_another(services: Services, stream_id: str) -> None:
    """Which takes this one for dead, whatever sign of life it gives in between."""
    another = another_worker(services)
    while stream_id in await running_ones(services):
        async with services.db.begin() as session:
            await session.run("DELETE FROM workers")
        await another.end_what_was_left()


async def running_ones(services: Services) -> set[str]:
    async with services.db.read() as session:
        return {row["id"] for row in await session.rows("SELECT id FROM turns WHERE state = 'running'")}


def test_nobody_has_seen_more_than_could_be_said() -> None:
    assert heard(left_behind(), KEPT + replay.LOST_FRAMES_MAX) == ([], -1)
