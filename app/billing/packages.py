"""What can be bought: rows that begin as a TOML file and change by the operator's hand."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app import currencies
from app.billing.tables import Package
from app.db import Session
from app.edge.paging import Page
from app.edge.shapes import Text
from app.errors import AppError

OURS = Path(__file__).with_name("packages.toml")
BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
TOKENS_MAX = 10**12
CENTS_MAX = 99_999_999


class UnknownPackage(AppError):
    status, code, message = 404, "unknown_package", "This is not for sale."


class BadPackages(AppError):
    status, code, message = 422, "invalid_request", "This is not a package that can be sold."


class Offer(BaseModel):
    """One `[[package]]` of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Annotated[Text, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    name: Annotated[Text, Field(min_length=1, max_length=100)]
    description: Annotated[Text, Field(max_length=500)] = ""
    tokens: int = Field(ge=1, le=TOKENS_MAX)
    price_cents: int = Field(ge=1, le=CENTS_MAX)
    currency: str = Field(pattern=r"^[a-z]{3}$")
    kind: Literal["once", "month"]
    stripe_price_id: Annotated[Text, Field(pattern=r"^price_\w+$")] | None = None
    retired: bool = False

    @field_validator("currency")
    @classmethod
    def _payable(cls, currency: str, others: ValidationInfo) -> str:
        if others.data.get("price_cents", 0) % currencies.step(currency):
            step = currencies.step(currency)
            raise PydanticCustomError("price", f"Stripe takes {currency.upper()} in multiples of {step} only")
        return currency


def read(path: Path) -> list[Offer]:
    """Refuses the file whole when anything in it is wrong."""
    try:
        found = tomllib.loads(path.read_text())
        return [_offer(one) for one in found["package"]]
    except OSError:
        raise BadPackages(f"{path} cannot be read.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise BadPackages(f"{path} is not a TOML file with a [[package]] in it.") from None


async def put(session: Session, offers: list[Offer], now: datetime, *, change: bool) -> int:
    """Adds what is not there and, when told to, changes what is. Answers with how many rows that touched.

    The order of the file is that of the shop, so each row is a moment younger than the one before it.
    """
    on_conflict = CHANGE if change else "DO NOTHING"
    touched = 0
    for place, offer in enumerate(offers):
        touched += await session.run(
            f"{INSERT} ON CONFLICT (id) {on_conflict}",
            *(offer.id, offer.name, offer.description, offer.tokens, offer.price_cents, offer.currency, offer.kind),
            *(offer.stripe_price_id, now if offer.retired else None, now + timedelta(microseconds=place), now),
        )
    return touched


async def any_there(session: Session) -> bool:
    return await session.row("SELECT 1 AS found FROM packages LIMIT 1") is not None


async def for_sale(session: Session, page: Page) -> list[Package]:
    at, identifier = page.after or (BEFORE_ALL, "")
    sql = """SELECT * FROM packages WHERE retired_at IS NULL AND (created_at, id) > ($1, $2)
             ORDER BY created_at, id LIMIT $3"""
    return await session.all(Package, sql, at, identifier, page.limit + 1)


async def every(session: Session) -> list[Package]:
    return await session.all(Package, "SELECT * FROM packages ORDER BY created_at, id")


async def find(session: Session, package_id: str) -> Package:
    sql = "SELECT * FROM packages WHERE id = $1 AND retired_at IS NULL"
    found = await session.one(Package, sql, package_id)
    if found is None:
        raise UnknownPackage
    return found


async def change(session: Session, package_id: str, changes: dict[str, Any], now: datetime) -> None:
    """What is not named stays; the result has to be an offer like any other."""
    found = await session.one(Package, "SELECT * FROM packages WHERE id = $1", package_id)
    if found is None:
        raise UnknownPackage
    before = {**found.model_dump(include=set(Offer.model_fields)), "retired": found.retired_at is not None}
    named = {name: value for name, value in changes.items() if value is not None}
    await put(session, [_offer({**before, **named})], now, change=True)


def in_words(package: Package) -> str:
    price = currencies.in_words(package.price_cents, package.currency) + (" a month" if package.kind == "month" else "")
    retired = ", no longer for sale" if package.retired_at else ""
    return f"{package.id:<12} {package.name}: {package.tokens:,} tokens for {price}{retired}"


def _offer(written: Any) -> Offer:
    try:
        return Offer.model_validate(written)
    except ValidationError as error:
        about = written.get("id", "?") if isinstance(written, dict) else "?"
        faults = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors(include_input=False)]
        fields = [{"field": field, "message": f"{about}: {field}: {words}."} for field, words in faults]
        raise BadPackages(fields=fields) from None


INSERT = """
INSERT INTO packages (id, name, description, tokens, price_cents, currency, kind, stripe_price_id, retired_at,
                      created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
CHANGE = """
DO UPDATE SET name = excluded.name, description = excluded.description, tokens = excluded.tokens,
    price_cents = excluded.price_cents, currency = excluded.currency, kind = excluded.kind,
    stripe_price_id = excluded.stripe_price_id, retired_at = excluded.retired_at, updated_at = excluded.updated_at
"""
