"""Every list is paged alike: `?limit=` and `?cursor=` in, `nextCursor` out. A cursor is the place of the last row."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import orjson
from pydantic import Field

from app.edge.shapes import Query
from app.errors import Invalid

LIMIT_MAX = 100
LIMIT_DEFAULT = 50
CURSOR_CHARS_MAX = 512
Item = TypeVar("Item")
Place = tuple[datetime, str]


class Page(Query):
    limit: int = Field(LIMIT_DEFAULT, ge=1, le=LIMIT_MAX, description="How many at most")
    cursor: str | None = Field(None, max_length=CURSOR_CHARS_MAX, description="The `nextCursor` of the page before")

    @property
    def after(self) -> Place | None:
        """The time and id of the last row that the caller has seen."""
        return _decode(self.cursor) if self.cursor else None


def cut(found: Sequence[Item], page: Page, place: Callable[[Item], Place]) -> tuple[list[Item], str | None]:
    """Ask for `limit + 1` rows and give them here: the row too many only tells that there is a next page."""
    items = list(found[: page.limit])
    return items, _encode(place(items[-1])) if len(found) > page.limit else None


def _encode(place: Place) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([place[0].isoformat(), place[1]])).decode().rstrip("=")


def _decode(cursor: str) -> Place:
    try:
        moment, identifier = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None or not isinstance(identifier, str) or "\x00" in identifier:
            raise ValueError
        return at.astimezone(UTC), identifier
    except (ValueError, TypeError, OverflowError):
        raise Invalid.field("cursor", "This is not a cursor that we gave out.") from None
