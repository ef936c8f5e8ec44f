"""My balance, what I used, and my statement, which I need not take on trust."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.accounts.identity import identity
from app.db import Row, Session
from app.edge import paging
from app.edge.endpoints import get
from app.edge.paging import Page
from app.edge.shapes import Out, Query, Text
from app.errors import Invalid, NotFound
from app.ledger import audit, ledger, statement, usage
from app.ledger.chain import as_text
from app.ledger.statement import Range
from app.ledger.tables import LedgerEntry
from app.services import Services, services

CSV_COLUMNS = ("userId", "sequence", "kind", "tokens", "balanceAfter", "reference", "createdAt", "hash")
CSV_BATCH = 500
Day = Annotated[Text, Field(max_length=40, description="A date (2026-01-31) or a time (2026-01-31T12:00:00Z), UTC")]


class StatementQuery(Page):
    start: Day | None = Field(None, alias="from", description="The first moment that belongs to it")
    end: Day | None = Field(None, alias="to", description="The last day, or the first moment after it")
    order: Literal["oldest", "newest"] = Field(
        "oldest", description="What comes first; a CSV is always from the oldest"
    )
    format: Literal["json", "csv"] = Field("json", description="`csv` gives all of it at once")


class DailyQuery(Query):
    days: int = Field(30, ge=1, le=366, description="How many days back, today included")


class BalanceOut(Out):
    balance: int
    held: int
    available: int
    owed: int


class UsageRow(Out):
    id: str
    user_id: str
    conversation_id: str | None
    message_id: str | None
    model: str
    prompt_tokens: int
    completion_tokens: int
    tokens_used: int
    balance_after: int
    type: Literal["settled", "released", "expired"]
    created_at: datetime


class UsageOut(Out):
    usage: list[UsageRow]
    next_cursor: str | None


class DayOut(Out):
    day: date
    model: str
    prompt_tokens: int
    completion_tokens: int
    tokens_used: int
    replies: int


class DailyOut(Out):
    days: list[DayOut]


class ReceiptOut(Out):
    id: str
    conversation_id: str | None
    message_id: str | None
    model: str
    asked_for: str = Field(description="The model that was asked; another may have answered in its place")
    held: int
    charged: int
    released: int
    surplus: int = Field(description="Used beyond what was held; the house's loss, never yours")
    prompt_tokens: int
    completion_tokens: int
    max_tokens: int
    input_rate: int = Field(description="Tokens per 1,000 prompt tokens")
    output_rate: int = Field(description="Tokens per 1,000 reply tokens")
    counted_by: str
    type: Literal["settled", "released", "expired"]
    balance_after: int
    held_at: datetime
    resolved_at: datetime
    sequence: int | None
    hash: str | None


class EntryOut(Out):
    id: str
    sequence: int
    kind: str
    tokens: int
    balance_after: int
    reference: str
    created_at: datetime
    hash: str


class StatementOut(Out):
    user_id: str
    opening: int
    closing: int
    hash_before: str = Field(description="The hash that the first entry continues")
    entries: list[EntryOut]
    next_cursor: str | None


class VerdictOut(Out):
    ok: bool
    entries: int
    first_bad: int | None = Field(description="Sequence of the first entry whose hash is wrong")


async def show_balance(request: Request) -> BalanceOut:
    """What I have, and how much of it running replies may still use."""
    async with services(request).db.read() as session:
        has = await ledger.balance(session, identity(request).user_id)
    return BalanceOut(balance=has.balance, held=has.held, available=has.available, owed=has.owed)


async def list_usage(request: Request, page: Page) -> UsageOut:
    """What my replies cost, newest first."""
    its = services(request)
    async with its.db.read() as session:
        found = await usage.listed(session, identity(request).user_id, page, its.clock.now())
    shown, next_cursor = paging.cut(found, page, lambda row: (row["created_at"], row["id"]))
    return UsageOut(usage=[_usage_row(row) for row in shown], next_cursor=next_cursor)


async def daily_usage(request: Request, query: DailyQuery) -> DailyOut:
    """Tokens by UTC day and model, for a chart."""
    its = services(request)
    since = datetime.combine(its.clock.now().date() - timedelta(days=query.days - 1), time(), UTC)
    async with its.db.read() as session:
        found = await usage.daily(session, identity(request).user_id, since)
    return DailyOut(days=[DayOut.model_validate(dict(row)) for row in found])


async def show_receipt(request: Request) -> ReceiptOut:
    """The receipt of one message, in numbers: held, used, freed, counted by whom, at which price."""
    async with services(request).db.read() as session:
        row = await usage.receipt(session, identity(request).user_id, request.path_params["usage_id"])
    if row is None:
        raise NotFound
    values = dict(row)
    outcome, released = values.pop("outcome"), row["held"] - row["charged"]
    return ReceiptOut.model_validate({**values, "type": outcome, "released": released})


async def show_statement(request: Request, query: StatementQuery) -> StatementOut | Response:
    """My statement: opening + Σ = closing. `format=csv` for a spreadsheet or for checking it offline."""
    its, me = services(request), identity(request)
    start, end = _moment("from", query.start), _moment("to", query.end, whole_day=True)
    async with its.db.read() as session:
        within = await statement.between(session, me.user_id, start, end)
        if query.format == "csv":
            return _csv(its, me.user_id, within)
        found = await _entries(session, me.user_id, within, query)
    shown, next_cursor = paging.cut(found, query, lambda entry: (entry.created_at, str(entry.sequence)))
    return StatementOut(
        user_id=me.user_id,
        opening=within.opening,
        closing=within.closing,
        hash_before=within.hash_before,
        entries=[EntryOut.model_validate(entry.model_dump(exclude={"user_id"})) for entry in shown],
        next_cursor=next_cursor,
    )


async def verify_statement(request: Request) -> VerdictOut:
    """Recomputes the hash of every entry of mine and names the first that is not as it was written."""
    async with services(request).db.read() as session:
        verdict = await audit.verify(session, identity(request).user_id)
    return VerdictOut(ok=verdict.ok, entries=verdict.entries, first_bad=verdict.first_bad)


async def _entries(session: Session, user_id: str, within: Range, query: StatementQuery) -> list[LedgerEntry]:
    """One more than the page holds."""
    seen = _sequence(query)
    if query.order == "newest":
        return await statement.newest(session, user_id, within, before=seen, limit=query.limit + 1)
    return await statement.entries(session, user_id, within, after=seen or 0, limit=query.limit + 1)


def _usage_row(row: Row) -> UsageRow:
    values = dict(row)
    return UsageRow.model_validate({**values, "tokens_used": values.pop("charged"), "type": values.pop("outcome")})


def _sequence(query: StatementQuery) -> int | None:
    """Where the page before ended. A cursor of another list is not one of this."""
    place = query.after
    if place is None:
        return None
    if not place[1].isdecimal() or len(place[1]) > 18:
        raise Invalid.field("cursor", "This is not a cursor that we gave out.")
    return int(place[1])


def _moment(field: str, text: str | None, *, whole_day: bool = False) -> datetime | None:
    """A bare date means its beginning, or as an end the whole of it; a time without a zone is UTC."""
    if not text:
        return None
    try:
        if (day := _day(text)) is not None:
            return datetime.combine(day, time(), UTC) if not whole_day else _day_after(day)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid.field(field, "Use a date like 2026-01-31 or a time like 2026-01-31T12:00:00Z.") from None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _day_after(day: date) -> datetime:
    last = datetime.max.replace(tzinfo=UTC)
    return last if day == date.max else datetime.combine(day + timedelta(days=1), time(), UTC)


def _csv(its: Services, user_id: str, within: Range) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="statement.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(_csv_rows(its, user_id, within), headers=headers, media_type="text/csv")


async def _csv_rows(its: Services, user_id: str, within: Range) -> AsyncIterator[str]:
    """A batch at a time, with no connection held in between: a slow reader keeps nobody waiting."""
    yield _lines([CSV_COLUMNS])
    seen = within.first - 1
    while True:
        async with its.db.read() as session:
            found = await statement.entries(session, user_id, within, after=seen, limit=CSV_BATCH)
        if not found:
            return
        yield _lines([_csv_row(entry) for entry in found])
        seen = found[-1].sequence


def _csv_row(entry: LedgerEntry) -> tuple[object, ...]:
    return (
        *(entry.user_id, entry.sequence, entry.kind, entry.tokens, entry.balance_after, entry.reference),
        *(as_text(entry.created_at), entry.hash),
    )


def _lines(rows: list[tuple[object, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


routes = [
    get("/api/billing/balance", show_balance, returns=BalanceOut),
    get("/api/billing/usage", list_usage, query=Page, returns=UsageOut),
    get("/api/billing/usage/daily", daily_usage, query=DailyQuery, returns=DailyOut),
    get("/api/billing/usage/{usage_id}", show_receipt, returns=ReceiptOut, raises=[NotFound]),
    get("/api/billing/ledger", show_statement, query=StatementQuery, returns=StatementOut,
        media_types=["application/json", "text/csv"]),
    get("/api/billing/ledger/verify", verify_statement, returns=VerdictOut),
]  # fmt: skip
