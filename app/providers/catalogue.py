"""The models that can be asked, what they cost, and how much they can read: one TOML file, checked at start."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, Strict, TypeAdapter, ValidationError, with_config
from pydantic_core import ErrorDetails

from app.providers.lines import Lines
from app.settings import UnsafeSettings

OURS = Path(__file__).with_name("catalogue.toml")
WINDOW_TOKENS_MIN, WINDOW_TOKENS_MAX = 256, 10_000_000
REPLY_TOKENS_MIN = 16
# Rates are for so many tokens of the model.
PER, RATE_MAX = 1000, 1_000_000
USD_MAX = 10_000

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/@+-]{1,100}$")]
Words = Annotated[str, Field(min_length=1, max_length=100)]
Window = Annotated[int, Strict(), Field(ge=WINDOW_TOKENS_MIN, le=WINDOW_TOKENS_MAX)]
Reply = Annotated[int, Strict(), Field(ge=REPLY_TOKENS_MIN, le=WINDOW_TOKENS_MAX)]
Rate = Annotated[int, Strict(), Field(ge=0, le=RATE_MAX)]
Usd = Annotated[Decimal, Field(ge=0, le=USD_MAX)]
# What has a default in the program and yet must be said in the file, because it is about money.
PRICES = ("input_usd_per_million", "output_usd_per_million")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Model:
    id: Id
    name: Words
    # Which provider answers, and by what name it knows the model.
    provider: Id
    upstream_model: Words
    encoding: Words
    window_tokens: Window
    reply_tokens_max: Reply
    # Tokens of the balance per 1,000 tokens of the model.
    input_rate: Rate
    output_rate: Rate
    # What the upstream takes from the house; a dollar per million is a micro-dollar each.
    input_usd_per_million: Usd = Decimal(0)
    output_usd_per_million: Usd = Decimal(0)
    public: Annotated[bool, Strict()] = True
    # Who is asked instead, in this order, when this one fails before its first words.
    fallbacks: tuple[Id, ...] = ()
    note: Annotated[str, Field(max_length=300)] = ""

    @property
    def price(self) -> str:
        prompt, reply = (f"{Decimal(rate) / PER:f}" for rate in (self.input_rate, self.output_rate))
        return f"{prompt} {'token' if prompt == '1' else 'tokens'} per prompt token, {reply} per reply token"

    def cost_micro_usd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Rounded up, so that many small replies do not look free."""
        exact = prompt_tokens * self.input_usd_per_million + completion_tokens * self.output_usd_per_million
        return math.ceil(exact)


@dataclass(frozen=True, slots=True)
class Catalogue:
    models: tuple[Model, ...]
    # Ours lists what OpenAI itself serves; an operator's own lists what is to be had where they point us.
    is_ours: bool = True

    @classmethod
    def read(cls, path: str | Path = "") -> Catalogue:
        """Refuses a file with any fault in it, and names all of them at once, each with its line."""
        source = Path(path) if path else OURS
        try:
            tables, lines = _parse(source)
        except (OSError, ValueError) as error:
            raise UnsafeSettings([f"CATALOGUE: {source} {_unreadable(error)}"]) from None
        found: list[tuple[int, str]] = []
        models = [_model(table, number, lines, found) for number, table in enumerate(tables)]
        found += _among(tables, lines)
        if found:
            raise UnsafeSettings([f"CATALOGUE: {source}, line {line}: {words}" for line, words in sorted(found)])
        return cls(tuple(model for model in models if model), is_ours=source == OURS)

    def find(self, model_id: str) -> Model | None:
        return next((model for model in self.models if model.id == model_id), None)


def _parse(source: Path) -> tuple[list[dict[str, Any]], Lines]:
    text = source.read_text(encoding="utf-8")
    parsed = tomllib.loads(text, parse_float=Decimal)
    tables = parsed.pop("model", None)
    if parsed or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables) or not tables:
        raise ValueError("must hold one table [[model]] for each model, and nothing else")
    return tables, Lines(text)


def _unreadable(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8."
    if isinstance(error, tomllib.TOMLDecodeError):
        return f"is not TOML: {error}."
    return f"cannot be read: {error.strerror}." if isinstance(error, OSError) else f"{error}."


READER = TypeAdapter(Model)


def _model(table: dict[str, Any], number: int, lines: Lines, found: list[tuple[int, str]]) -> Model | None:
    missing = [key for key in PRICES if key not in table]
    found += [(lines.of(number), f"{key} is missing.") for key in missing]
    try:
        model = READER.validate_python(table)
    except ValidationError as error:
        found += [_fault(fault, number, lines) for fault in error.errors(include_url=False)]
        return None
    if model.reply_tokens_max >= model.window_tokens:
        found.append((lines.of(number, "reply_tokens_max"), "reply_tokens_max must be less than window_tokens."))
    if not model.input_rate and not model.output_rate:
        words = "input_rate and output_rate cannot both be 0: what costs nothing cannot be metered."
        found.append((lines.of(number, "input_rate"), words))
    return model


def _fault(fault: ErrorDetails, number: int, lines: Lines) -> tuple[int, str]:
    key, limits = str(fault["loc"][0]), fault.get("ctx", {})
    words = {
        "missing": "is missing",
        "unexpected_keyword_argument": "is not known here",
        "int_type": "must be a whole number",
        "bool_type": "must be true or false",
        "greater_than_equal": f"must be {limits.get('ge')} or more",
        "less_than_equal": f"must be {limits.get('le')} or less",
        "string_type": "must be a text",
        "string_too_short": "must not be empty",
        "string_too_long": f"must have at most {limits.get('max_length')} characters",
        "string_pattern_mismatch": "must be 1 to 100 letters, digits or any of . : / @ + - _",
        "tuple_type": "must be a list",
        "finite_number": "must be a number",
        "decimal_type": "must be a number",
        "decimal_parsing": "must be a number",
    }.get(fault["type"], f"is wrong ({fault['msg']})")
    return lines.of(number, key), f"{key} {words}."


def _among(tables: list[dict[str, Any]], lines: Lines) -> Iterator[tuple[int, str]]:
    """What is wrong only when all of them are seen together."""
    ids = [table.get("id") for table in tables]
    for number, table in enumerate(tables):
        if ids[number] is not None and ids[number] in ids[:number]:
            yield lines.of(number, "id"), f"id {ids[number]} is taken by a model above."
        fallbacks = table.get("fallbacks")
        for other in fallbacks if isinstance(fallbacks, list) else []:
            if other == ids[number]:
                yield lines.of(number, "fallbacks"), f"fallbacks: {other} cannot stand in for itself."
            elif other not in ids:
                yield lines.of(number, "fallbacks"), f"fallbacks: there is no model {other}."
