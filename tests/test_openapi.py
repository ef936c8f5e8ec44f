"""The documentation is printed from the route table, and says all of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import httpx2
import jsonschema_rs
import pytest_asyncio
from starlette.applications import Starlette

from app.edge.endpoints import Endpoint


@pytest_asyncio.fixture
async def api(client: httpx2.AsyncClient) -> dict[str, Any]:
    described: dict[str, Any] = (await client.get("/openapi.json")).json()
    return described


def rows(app: Starlette) -> list[Endpoint]:
    return [row for row in app.routes if isinstance(row, Endpoint) and not row.contract.hidden]


def operation(api: dict[str, Any], row: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = api["paths"][row.path][row.method.lower()]
    return found


async def test_every_row_is_described_with_every_error_that_it_declares(app: Starlette, api: dict[str, Any]) -> None:
    assert api["openapi"] == "3.1.0"
    for row in rows(app):
        described = operation(api, row)
        assert described["summary"]
        assert str(row.contract.status) in described["responses"]
        for error in row.contract.errors:
            assert error.code in described["responses"][str(error.status)]["description"]


async def test_who_must_sign_in_is_said(app: Starlette, api: dict[str, Any]) -> None:
    for row in rows(app):
        assert ("security" in operation(api, row)) is not row.contract.public


async def test_every_part_of_a_path_is_a_declared_parameter(app: Starlette, api: dict[str, Any]) -> None:
    for row in rows(app):
        declared = [one["name"] for one in operation(api, row)["parameters"] if one["in"] == "path"]
        assert declared == re.findall(r"{(\w+)", row.path)


async def test_every_header_and_every_good_answer_of_a_row_is_declared(app: Starlette, api: dict[str, Any]) -> None:
    for row in rows(app):
        described = operation(api, row)
        declared = [one["name"] for one in described["parameters"] if one["in"] == "header"]
        assert declared == [header.name for header in row.contract.headers]
        good = {int(status) for status in described["responses"] if status.startswith("2")}
        assert good == {row.contract.status, *row.contract.also}
    asking = {one["name"] for one in api["paths"]["/api/chat"]["post"]["parameters"]}
    assert {"Idempotency-Key", "Prefer"} <= asking


async def test_every_shape_is_a_valid_json_schema_and_every_reference_resolves(api: dict[str, Any]) -> None:
    schemas = api["components"]["schemas"]

    for name, schema in schemas.items():
        jsonschema_rs.meta.validate(schema)
        assert re.fullmatch(r"\w+", name)
    used = set(re.findall(r"'#/components/schemas/(\w+)'", str(api)))
    assert used <= set(schemas)
    assert {"Error", "Me", "StatementOut"} <= used


async def test_names_are_camel_case_everywhere(api: dict[str, Any]) -> None:
    for schema in api["components"]["schemas"].values():
        for name in schema.get("properties", {}):
            assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name), name


class Found(HTMLParser):
    """Every tag of a page, and every address that it names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: set[str] = set()
        self.ids: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = {name: value or "" for name, value in attributes}
        self.addresses |= {values[name] for name in ("href", "src") if name in values}
        self.ids |= {values["id"]} if "id" in values else set()
        assert "style" not in values
        assert not any(name.startswith("on") for name in values)


async def test_the_page_shows_every_path_with_no_script_and_nothing_from_elsewhere(
    app: Starlette, client: httpx2.AsyncClient
) -> None:
    page = (await client.get("/docs")).text

    found = Found(page)
    assert not found.tags & {"script", "style", "iframe", "img"}
    assert all(address.startswith(("/", "#")) for address in found.addresses)
    assert {address[1:] for address in found.addresses if address.startswith("#")} <= found.ids
    for row in rows(app):
        assert f"<code>{row.path}</code>" in page
