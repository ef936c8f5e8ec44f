"""The frames of a turn that has ended, made again from what the database keeps of it.

For a while they are the very bytes that were sent. Later a new reader gets the short form (meta, one answer, usage,
done), and one who comes back with a position still gets exactly what follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.chat import events
from app.chat.closing import as_ended
from app.chat.endings import closing_frames, ending_frames, was_left_behind
from app.db import Database, Row, Session

# After this, nobody who read the short form is still coming back to it by himself.
COLLAPSED_REMEMBERED = timedelta(hours=1)
# More than a second brings, which is what a crash may lose; who claims to have seen more has not.
LOST_FRAMES_MAX = 10_000
NOTE_COLLAPSED = "UPDATE turns SET collapsed_at = $2 WHERE id = $1"
NOTE_TOLD = "UPDATE turns SET told_ends = COALESCE(told_ends || ',', '') || $2 WHERE id = $1"
FIND = """
SELECT turns.*, messages.content FROM turns JOIN messages ON messages.id = turns.message_id
WHERE turns.id = $1 AND turns.user_id = $2
"""


@dataclass(frozen=True, slots=True)
class Replay:
    """Frames, how many of them the reader has seen already, and the statement that notes this reading."""

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
        statement, value = replay.note
        async with db.begin() as session:
            await session.run(statement, row["id"], value)


def replayed(row: Row, after: int | None, now: datetime, retention: timedelta) -> Replay:
    """`after` is the last event that the reader has seen."""
    seen = 0 if after is None else after + 1
    if row["ended_at"] + retention >= now:
        return beyond(row, seen)
    short = collapsed(row)
    if seen == 0:
        return Replay(short, 0, (NOTE_COLLAPSED, now))
    if seen <= len(short) and row["collapsed_at"] and row["collapsed_at"] + COLLAPSED_REMEMBERED >= now:
        return Replay(short, seen)
    return beyond(row, seen)


def beyond(row: Row, seen: int) -> Replay:
    """The very frames that were sent, for somebody who has seen so many of them.

    Of what a crash cut short, one reader may have seen words where another has seen the ending. Where somebody was told
    the ending is therefore kept in mind.
    """
    return Replay(exact(row), seen) if seen - 1 in _told(row) else to_the_end(row, seen)


def to_the_end(row: Row, seen: int) -> Replay:
    """The same for somebody who has not seen the ending, but perhaps more than was kept."""
    kept = so_far(row)
    if not was_left_behind(as_ended(row)) or seen > len(kept) + LOST_FRAMES_MAX:
        return Replay(exact(row), seen)
    unknown = [b""] * (seen - len(kept))
    frames = kept + unknown + _ending(row, len(kept) + len(unknown))
    last = len(frames) - 1
    return Replay(frames, seen, None if last in _told(row) else (NOTE_TOLD, str(last)))


async def note_told(session: Session, stream_id: str, last: int) -> None:
    await session.run(NOTE_TOLD, stream_id, str(last))


def _told(row: Row) -> set[int]:
    return {int(number) for number in (row["told_ends"] or "").split(",") if number}


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
