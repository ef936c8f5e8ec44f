"""Reading what was sent: JSON of a known shape, or an error that says which field is wrong and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json
from starlette.requests import Request

from app.errors import AppError, Invalid

Shape = TypeVar("Shape", bound=BaseModel)
FIELDS_MAX = 100
FAULTS_SHOWN_MAX = 20
SMALL_BYTES = 4096

WORDS = {
    "missing": "This field is required.",
    "extra_forbidden": "This field is not known here.",
    "string_type": "This must be a text.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "bool_type": "This must be true or false.",
    "model_type": "This must be a JSON object.",
    "model_attributes_type": "This must be a JSON object.",
    "string_unicode": "This holds a character that is not valid Unicode.",
}


class MalformedJson(AppError):
    status, code, message = 400, "malformed_json", "The body is not valid JSON."


class WrongContentType(AppError):
    status, code, message = 415, "unsupported_media_type", "Please send JSON, with Content-Type: application/json."


async def read_json(request: Request, shape: type[Shape]) -> Shape:
    """A form on somebody else's page cannot send this content type, which is what keeps sign-in safe from one."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise WrongContentType
    raw = await request.body()
    if len(raw) > SMALL_BYTES:
        _refuse_a_flood_of_fields(raw)
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        raise _explained(error) from None
    except ValueError:
        raise MalformedJson from None


def read_query(request: Request, shape: type[Shape]) -> Shape:
    try:
        return shape.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise _explained(error) from None


def _refuse_a_flood_of_fields(raw: bytes) -> None:
    """Naming each of 100,000 unknown fields would take seconds; this takes milliseconds."""
    try:
        parsed = from_json(raw)
    except ValueError:
        raise MalformedJson from None
    if isinstance(parsed, Mapping) and len(parsed) > FIELDS_MAX:
        raise Invalid(f"More than {FIELDS_MAX} fields were sent.", fields=[])


def _explained(error: ValidationError) -> AppError:
    faults = error.errors(include_url=False, include_context=True, include_input=False)
    if any(fault["type"] == "json_invalid" for fault in faults):
        return MalformedJson()
    fields = [{"field": _name(fault["loc"]), "message": _words(fault)} for fault in faults[:FAULTS_SHOWN_MAX]]
    return Invalid(fields=fields)


def _name(location: tuple[Any, ...]) -> str:
    """A caller may name a field anything, so what is said back is cut to a decent length."""
    return ".".join(str(part)[:64] for part in location)


def _words(fault: ErrorDetails) -> str:
    kind, limits = fault["type"].removeprefix("string_"), fault.get("ctx", {})
    things = "items" if limits.get("field_type") == "List" else "characters"
    if kind == "too_short":
        least = limits["min_length"]
        return f"Use at least {least} {things}." if least > 1 else "This must not be empty."
    if kind == "too_long":
        return f"Use at most {limits['max_length']} {things}."
    if kind == "value_error":
        return f"This {limits['error']}."
    return WORDS.get(fault["type"], fault["msg"].rstrip(".") + ".")
