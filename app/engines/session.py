"""What a domain function is handed: statements inside somebody else's transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlmodel import SQLModel

from app.errors import Unavailable

Model = TypeVar("Model", bound=SQLModel)
Result = TypeVar("Result")
Effect = Callable[[], None]
Listener = Callable[[str], None]


class Row(Protocol):
    """A row answers to the names of its columns and to their positions, on both engines."""

    def __getitem__(self, key: Any, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def keys(self) -> Any: ...


class DatabaseUnavailable(Unavailable):
    code, message = "database_unavailable", "The database cannot be reached just now. Nothing was changed."


class LockedOut(DatabaseUnavailable):
    """Somebody else keeps a row for too long. What needs another one can go on."""

    message = "Somebody else is at work on this just now. Nothing was changed; please try again in a moment."


class Reshaped(DatabaseUnavailable):
    """A migration changed a table since the statement was prepared; the next try finds it as it is now."""

    message = "The database was changed a moment ago. Nothing was done; please try again."


class ConstraintViolated(Exception):
    """The database refused a row: a duplicate key, a failed check, or a trigger that guards history."""


def nobody(_topic: str) -> None:
    """Listens to nothing."""


class LostRace(Exception):
    """Another unit did the same thing a moment ago, unseen by this one: undo it and look again."""


def as_moment(value: datetime | str) -> datetime:
    """A time that came out of an expression, where SQLite forgets that it is one."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


class Session(ABC):
    """`rows` and `run` speak SQL; `one`, `all` and `add` do the same with the table's model."""

    def __init__(self, listener: Listener = nobody) -> None:
        self.effects: list[Effect] = []
        self._listener = listener

    @abstractmethod
    async def rows(self, sql: str, *values: Any) -> list[Row]: ...

    @abstractmethod
    async def run(self, sql: str, *values: Any) -> int:
        """Returns how many rows the statement changed."""

    async def rows_each(self, sql: str, every: Sequence[tuple[Any, ...]]) -> list[list[Row]]:
        """The same statement once for each, with what each of them finds."""
        return [await self.rows(sql, *values) for values in every]

    async def run_each(self, sql: str, every: Sequence[tuple[Any, ...]]) -> list[int]:
        return [await self.run(sql, *values) for values in every]

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

    def tell(self, topic: str) -> None:
        """Lets whoever follows this topic know, once it is true, that something about it changed."""
        self.effects.append(lambda: self._listener(topic))


Work = Callable[[Session], Awaitable[Result]]
