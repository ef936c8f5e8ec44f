"""The frames of a turn that has ended, made again from what the database keeps of it.

For a while they are the very bytes that were sent. Later a new reader gets the short form (meta, one answer, usage,
done), and one who comes back with a position still gets exactly what follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.chat import events
from app.chat.closing import as_ended
from app.chat.endings import closing_frames, ending_frames
from app.db import Database, Row, Session

# After this, nobody who read the short form is still coming back to it by himself.
COLLAPSED_REMEMBERED = timedelta(hours=1)
# More than a second brings, which is what a crash may lose; who claims to have seen more has not.
LOST_FRAMES_MAX = 10_000
FIND = """
SELECT turns.*, messages.content FROM turns JOIN messages ON messages.id = turns.message_id
WHERE turns.id = $1 AND turns.user_id = $2
"""


@dataclass(frozen=True, slots=True)
class Replay:
    """Frames, how many of them the reader has seen already, and what is to be noted about this reading."""

    frames: list[bytes]
    seen: int
    note: tuple[str, object] | None = None

    @property
    def is_over(self) -> bool:
        return self.seen >= len(self.frames)


async def find(session: Session, user_id: str, stream_id: str) -> Row | None:
    return await session.row(FIND, stream_id, user_id)


async def noted(db: Database, row: Row, replay: Replay) -> None:
    if replay.note is not None:
        column, value = replay.note
        async with db.begin() as session:
            await session.run(f"UPDATE turns SET {column} = $2 WHERE id = $1", row["id"], value)


def replayed(row: Row, after: int | None, now: datetime, retention: timedelta) -> Replay:
    """`after` is the last event that the reader has seen."""
    seen = 0 if after is None else after + 1
    if row["ended_at"] + retention >= now:
        return beyond(row, seen)
    short = collapsed(row)
    if seen == 0:
        return Replay(short, 0, ("collapsed_at", now))
    if seen <= len(short) and row["collapsed_at"] and row["collapsed_at"] + COLLAPSED_REMEMBERED >= now:
        return Replay(short, seen)
    return beyond(row, seen)


def beyond(row: Row, seen: int) -> Replay:
    """The very frames that were sent, for somebody who has seen so many of them.

    Of an interrupted stream, a reader may have seen more than was kept; it is told the ending all the same.
    """
    whole = exact(row)
    ending = _ending(row, seen)
    kept = len(whole) - len(ending)
    has_seen_the_end = seen == len(whole) or seen - 1 == row["end_id"]
    if row["state"] != "interrupted" or has_seen_the_end or not kept < seen <= kept + LOST_FRAMES_MAX:
        return Replay(whole, seen)
    unknown = [b""] * (seen - kept)
    return Replay(whole[:kept] + unknown + ending, seen, ("end_id", seen + len(ending) - 1))


def exact(row: Row) -> list[bytes]:
    frames = so_far(row)
    return frames + _ending(row, len(frames))


def so_far(row: Row) -> list[bytes]:
    """Without its ending, as far as it is written down."""
    frames = [events.from_text(0, "meta", row["meta"])]
    at = row["content_from"]
    for length in _lengths(row):
        frames.append(events.answer(len(frames), row["content"][at : at + length]))
        at += length
    return frames


def collapsed(row: Row) -> list[bytes]:
    """Its ids are other ones than those of the exact form, which is why it is remembered that somebody read it."""
    meta = events.from_text(0, "meta", row["meta"])
    text = said(row)
    if row["error"] is None:
        return [meta, events.whole_answer(1, text), *_closing(row, 2)]
    return [meta, *([events.answer(1, text)] if text else []), *_closing(row, 2 if text else 1)]


def said(row: Row) -> str:
    """What this turn said; the message may have been carried on since."""
    start = row["content_from"]
    text: str = row["content"][start : start + sum(_lengths(row))]
    return text


def _lengths(row: Row) -> list[int]:
    return [int(length) for length in row["lengths"].split(",") if length]


def _ending(row: Row, number: int) -> list[bytes]:
    return ending_frames(number, as_ended(row), row["conversation_id"], row["message_id"])


def _closing(row: Row, number: int) -> list[bytes]:
    return closing_frames(number, as_ended(row), row["conversation_id"], row["message_id"])
