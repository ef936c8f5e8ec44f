"""What a domain function is handed: statements inside somebody else's transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from sqlmodel import SQLModel

from app.errors import Unavailable

Model = TypeVar("Model", bound=SQLModel)
Effect = Callable[[], None]


class Row(Protocol):
    """A row answers to the names of its columns and to their positions, on both engines."""

    def __getitem__(self, key: Any, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def keys(self) -> Any: ...


class DatabaseUnavailable(Unavailable):
    code, message = "database_unavailable", "The database cannot be reached just now. Nothing was changed."


class ConstraintViolated(Exception):
    """The database refused a row: a duplicate key, a failed check, or a trigger that guards history."""


class Session(ABC):
    """`rows` and `run` speak SQL; `one`, `all` and `add` do the same with the table's model."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []

    @abstractmethod
    async def rows(self, sql: str, *values: Any) -> list[Row]: ...

    @abstractmethod
    async def run(self, sql: str, *values: Any) -> int:
        """Returns how many rows the statement changed."""

    async def row(self, sql: str, *values: Any) -> Row | None:
        found = await self.rows(sql, *values)
        return found[0] if found else None

    async def all(self, model: type[Model], sql: str, *values: Any) -> list[Model]:
        return [model(**dict(row)) for row in await self.rows(sql, *values)]

    async def one(self, model: type[Model], sql: str, *values: Any) -> Model | None:
        found = await self.all(model, sql, *values)
        return found[0] if found else None

    async def add(self, record: SQLModel) -> None:
        columns = list(type(record).model_fields)
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        table = type(record).__tablename__
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        await self.run(sql, *(getattr(record, column) for column in columns))

    def after_commit(self, effect: Effect) -> None:
        """Remembers something to do once this unit is durable: wake a waiter, count a metric. Never a money write."""
        self.effects.append(effect)
