"""OpenAPI 3.1, written from the route table and from nothing else, so it cannot say what the code does not do."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.db import DatabaseUnavailable
from app.edge.body_limit import BodyTooLarge, BodyTooSlow
from app.edge.endpoints import Endpoint
from app.edge.middleware import UnknownHost
from app.errors import AppError

REF = "#/components/schemas/{model}"
EVERYWHERE: tuple[type[AppError], ...] = (UnknownHost, DatabaseUnavailable, AppError)
WITH_BODY: tuple[type[AppError], ...] = (BodyTooLarge, BodyTooSlow)
REASONS = {
    400: "Not understood", 401: "Not signed in", 402: "Not enough tokens", 403: "Not allowed", 404: "Not there",
    405: "Wrong method", 408: "Too slow", 409: "In conflict", 413: "Too large", 415: "Wrong content type",
    422: "Not valid", 429: "Too many", 500: "Our fault", 502: "The model failed", 503: "Not now", 504: "Timed out",
}  # fmt: skip

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Every error has this shape. `code` is stable, `error` is for people.",
    "required": ["error", "code", "requestId"],
    "properties": {
        "error": {"type": "string"},
        "code": {"type": "string"},
        "requestId": {"type": "string"},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}


class Description:
    """The document, written when somebody first asks for it: most starts are not for that."""

    def __init__(self, routes: Iterable[Any], *, title: str, version: str, server: str) -> None:
        self._write = partial(document, routes, title=title, version=version, server=server)

    @cached_property
    def document(self) -> dict[str, Any]:
        return self._write()

    @cached_property
    def json(self) -> bytes:
        return orjson.dumps(self.document)


def document(routes: Iterable[Any], *, title: str, version: str, server: str) -> dict[str, Any]:
    rows = [route for route in routes if isinstance(route, Endpoint) and not route.contract.hidden]
    paths: dict[str, Any] = defaultdict(dict)
    for row in rows:
        paths[row.path][row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": inspect.cleandoc(__doc__ or "")},
        "servers": [{"url": server}],
        "paths": dict(paths),
        "components": {
            "schemas": {**_schemas(rows), "Error": ERROR_SCHEMA},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
            },
        },
    }


def _schemas(rows: Sequence[Endpoint]) -> dict[str, Any]:
    shapes: list[tuple[type[BaseModel], Any]] = []
    for row in rows:
        shapes += [(row.contract.body, "validation")] if row.contract.body else []
        answers = (row.contract.returns, *row.contract.also.values())
        shapes += [(answer, "serialization") for answer in answers if answer]
    _, found = models_json_schema(list(dict.fromkeys(shapes)), ref_template=REF)
    schemas: dict[str, Any] = found.get("$defs", {})
    return schemas


def _operation(row: Endpoint) -> dict[str, Any]:
    words = inspect.cleandoc(row.handler.__doc__ or row.name.replace("_", " ").capitalize() + ".")
    operation: dict[str, Any] = {
        "operationId": row.name,
        "tags": [row.handler.__module__.split(".")[-2]],
        "summary": words.split("\n")[0].rstrip("."),
        "description": words,
        "parameters": _path_parameters(row) + _query_parameters(row) + _header_parameters(row),
        "responses": {**_successes(row), **_failures(row)},
    }
    if not row.contract.public:
        operation["security"] = [{"bearer": []}, {"cookie": []}]
    if row.contract.body:
        content = {"application/json": {"schema": _ref(row.contract.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(row: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)", row.path)
    ]


def _query_parameters(row: Endpoint) -> list[dict[str, Any]]:
    if row.contract.query is None:
        return []
    schema = row.contract.query.model_json_schema()
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _plain(field)}
        | ({"description": field["description"]} if "description" in field else {})
        for name, field in schema["properties"].items()
    ]


def _header_parameters(row: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": header.name,
            "in": "header",
            "required": False,
            "description": header.description,
            "schema": {"type": "string", **({"pattern": header.pattern} if header.pattern else {})},
        }
        for header in row.contract.headers
    ]


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    """A query cannot carry null: an optional parameter is one that is left out."""
    options = [option for option in field.get("anyOf", []) if option.get("type") != "null"]
    kept = {name: value for name, value in field.items() if name not in ("anyOf", "title", "default", "description")}
    return {**kept, **(options[0] if options else {})}


def _successes(row: Endpoint) -> dict[str, Any]:
    contract = row.contract
    first = _success(contract.status, contract.returns, contract.media_types)
    also = {str(status): _success(status, shape, ["application/json"]) for status, shape in contract.also.items()}
    return {str(contract.status): first, **also}


def _success(status: int, shape: type[BaseModel] | None, media_types: Sequence[str]) -> dict[str, Any]:
    if shape is None and status == 204:
        return {"description": "Done; nothing to say."}
    schema = _ref(shape) if shape else {"type": "string"}
    content = {kind: {"schema": schema if kind == "application/json" else {"type": "string"}} for kind in media_types}
    return {"description": "Done." if status != 202 else "Begun.", "content": content}


def _failures(row: Endpoint) -> dict[str, Any]:
    by_status: dict[int, list[type[AppError]]] = defaultdict(list)
    for error in (*row.contract.errors, *EVERYWHERE, *(WITH_BODY if row.contract.body else ())):
        by_status[error.status].append(error)
    return {str(status): _failure(status, errors) for status, errors in sorted(by_status.items())}


def _failure(status: int, errors: list[type[AppError]]) -> dict[str, Any]:
    codes = sorted({error.code for error in errors})
    schema = {"allOf": [{"$ref": "#/components/schemas/Error"}, {"properties": {"code": {"enum": codes}}}]}
    stream = {"schema": {"type": "string", "description": "For `Accept: text/event-stream`: one `error` event."}}
    content = {"application/json": {"schema": schema}, "text/event-stream": stream}
    return {"description": f"{REASONS[status]}: {', '.join(codes)}.", "content": content}


def _ref(shape: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=shape.__name__)}
