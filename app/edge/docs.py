"""The documentation page: plain HTML made from the OpenAPI document, with no script and nothing from elsewhere."""

from __future__ import annotations

import re
from html import escape
from typing import Any

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} API</title><link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/css/tokens.css"><link rel="stylesheet" href="/assets/css/base.css">
<link rel="stylesheet" href="/assets/css/docs.css"></head>
<body class="docs"><header><h1>{title} API <small>{version}</small></h1>
<p>The same as <a href="/openapi.json">an OpenAPI 3.1 document</a>, for programs.</p></header>
<nav aria-label="Endpoints">{index}</nav><main>{operations}<h2 id="shapes">Shapes</h2>{shapes}</main></body></html>"""


def page(api: dict[str, Any]) -> str:
    rows = [(path, method, row) for path, methods in api["paths"].items() for method, row in methods.items()]
    return PAGE.format(
        title=escape(api["info"]["title"]),
        version=escape(api["info"]["version"]),
        index="<ul>" + "".join(_entry(*row) for row in rows) + "</ul>",
        operations="".join(_operation(*row) for row in rows),
        shapes="".join(_shape(name, schema) for name, schema in api["components"]["schemas"].items()),
    )


def _entry(path: str, method: str, row: dict[str, Any]) -> str:
    name = f'<a href="#{row["operationId"]}"><b>{method.upper()}</b> {escape(path)}</a>'
    return f"<li>{name}</li>"


def _operation(path: str, method: str, row: dict[str, Any]) -> str:
    parts = [
        f'<section id="{row["operationId"]}"><h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>',
        f"<p>{_prose(row['description'])}</p>",
        "<p>Sign in first.</p>" if "security" in row else "<p>Open to everyone.</p>",
        _body(row),
        _parameters(row["parameters"]),
        _responses(row["responses"]),
        "</section>",
    ]
    return "".join(parts)


def _body(row: dict[str, Any]) -> str:
    if "requestBody" not in row:
        return ""
    return f"<p>Send {_reference(row['requestBody']['content']['application/json']['schema'])}.</p>"


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(one['name'])}</code></th><td>{one['in']}</td>"
        f"<td>{_type(one['schema'])}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for one in parameters
    )
    return f"<table><caption>Parameters</caption><tbody>{rows}</tbody></table>"


def _responses(responses: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{status}</th><td>{escape(one['description'])}</td><td>{_answer(one)}</td></tr>"
        for status, one in responses.items()
    )
    return f"<table><caption>Answers</caption><tbody>{rows}</tbody></table>"


def _answer(response: dict[str, Any]) -> str:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return _reference(schema["allOf"][0] if "allOf" in schema else schema)


def _shape(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(field)}</code></th><td>{_type(one)}</td>"
        f"<td>{'required' if field in required else 'optional'}</td></tr>"
        for field, one in schema.get("properties", {}).items()
    )
    return f'<section id="shape-{escape(name)}"><h3>{escape(name)}</h3><table><tbody>{rows}</tbody></table></section>'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _reference(schema)
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    limits = [f"{words} {schema[key]}" for key, words in LIMITS.items() if key in schema]
    return escape(", ".join([str(schema.get("format", schema.get("type", "anything"))), *limits]))


LIMITS = {
    "minLength": "at least",
    "maxLength": "at most",
    "minimum": "from",
    "maximum": "to",
}


def _reference(schema: dict[str, Any]) -> str:
    if "$ref" not in schema:
        return escape(schema.get("type", ""))
    name = escape(schema["$ref"].rsplit("/", 1)[-1])
    return f'<a href="#shape-{name}">{name}</a>'


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)).replace("\n\n", "</p><p>")
