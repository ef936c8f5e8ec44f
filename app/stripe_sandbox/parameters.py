"""What a call may be given. Stripe takes no parameter that it does not know, and neither does the till."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.stripe_sandbox import errors

Check = Callable[[str, Any], Any]
METADATA_KEYS_MAX, METADATA_KEY_CHARS_MAX, METADATA_VALUE_CHARS_MAX = 50, 40, 500


@dataclass(frozen=True)
class Must:
    """A parameter that has to be there."""

    check: Check

    def __call__(self, where: str, value: Any) -> Any:
        return self.check(where, value)


@dataclass(frozen=True)
class Text:
    chars_max: int = 5000

    def __call__(self, where: str, value: Any) -> str:
        if not isinstance(value, str):
            raise errors.wrong(where, "Invalid string: a single value is needed here")
        if not value:
            raise errors.empty(where)
        if len(value) > self.chars_max:
            message = f"Invalid string: must be at most {self.chars_max} characters"
            raise errors.wrong(where, message, "parameter_invalid_string_too_long")
        return value


@dataclass(frozen=True)
class Whole:
    least: int = 0
    most: int = 10**12

    def __call__(self, where: str, value: Any) -> int:
        if value == "":
            raise errors.empty(where)
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,15}", value):
            raise errors.wrong(where, f"Invalid integer: {value}", "parameter_invalid_integer")
        if not self.least <= int(value) <= self.most:
            message = f"This value must be from {self.least} to {self.most}."
            raise errors.wrong(where, message, "parameter_invalid_integer")
        return int(value)


class OneOf:
    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, where: str, value: Any) -> str:
        if value not in self.words:
            raise errors.wrong(where, f"Invalid {where}: must be one of {', '.join(self.words)}")
        return str(value)


class Shape:
    """A group of parameters, by name."""

    def __init__(self, **checks: Check) -> None:
        self.checks: Mapping[str, Check] = checks

    def __call__(self, where: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise errors.wrong(where, "Invalid object", "parameter_invalid_object" if where else "")
        names = {name: f"{where}[{name}]" if where else name for name in {**value, **self.checks}}
        for name in value:
            if name not in self.checks:
                raise errors.unknown(names[name])
        for name, check in self.checks.items():
            if isinstance(check, Must) and name not in value:
                raise errors.missing(names[name])
        return {name: self.checks[name](names[name], given) for name, given in value.items()}


@dataclass(frozen=True)
class Many:
    check: Check
    most: int = 100

    def __call__(self, where: str, value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > self.most:
            raise errors.wrong(where, "Invalid array", "parameter_invalid_array")
        return [self.check(f"{where}[{number}]", item) for number, item in enumerate(value)]


def flag(where: str, value: Any) -> bool:
    if value not in ("true", "false"):
        raise errors.wrong(where, f"Invalid boolean: {value}")
    return bool(value == "true")


def off(where: str, value: Any) -> bool:
    """For what the till has no part of: to say so is fine, to ask for it is not."""
    if flag(where, value):
        raise errors.wrong(where, f"The sandbox till cannot do this: {where}.")
    return False


def address(where: str, value: Any) -> str:
    url = Text()(where, value)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[\w.-]+(:\d{1,5})?|\[[0-9a-fA-F:]+\](:\d{1,5})?",
                                                               parts.netloc, re.ASCII):  # fmt: skip
        raise errors.wrong(where, "Not a valid URL", "url_invalid")
    return url


def email(where: str, value: Any) -> str:
    found = Text(512)(where, value)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", found):
        raise errors.wrong(where, f"Invalid email address: {found}", "email_invalid")
    return found


def currency(where: str, value: Any) -> str:
    found = Text(3)(where, value).lower()
    if not re.fullmatch(r"[a-z]{3}", found):
        raise errors.wrong(where, f"Invalid currency: {found}")
    return found


def metadata(where: str, value: Any) -> dict[str, str]:
    """An empty value takes a key away, and nothing at all takes all of them away."""
    if value == "":
        return {}
    if not isinstance(value, dict) or len(value) > METADATA_KEYS_MAX:
        raise errors.wrong(where, "Invalid metadata: give up to 50 keys with a value each")
    for name, words in value.items():
        if not isinstance(words, str) or len(name) > METADATA_KEY_CHARS_MAX or len(words) > METADATA_VALUE_CHARS_MAX:
            message = "Metadata keys can have up to 40 characters and values up to 500."
            raise errors.wrong(f"{where}[{name}]", message)
    return dict(value)


def with_metadata(had: dict[str, str], given: dict[str, Any]) -> dict[str, str]:
    if "metadata" not in given:
        return had
    merged = {**had, **given["metadata"]} if given["metadata"] else {}
    return {name: words for name, words in merged.items() if words != ""}


RANGE = Shape(gt=Whole(), gte=Whole(), lt=Whole(), lte=Whole())


def moment(where: str, value: Any) -> dict[str, int]:
    """A second, or a range of them."""
    return RANGE(where, value) if isinstance(value, dict) else {"gte": Whole()(where, value), "lte": int(value)}


EXPAND = Many(Text(), 20)
PAGE: dict[str, Check] = {
    "limit": Whole(1, 100), "starting_after": Text(), "ending_before": Text(), "expand": EXPAND,
}  # fmt: skip
