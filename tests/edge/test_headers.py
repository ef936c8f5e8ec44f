"""What every answer tells a browser, whatever the answer is."""

from __future__ import annotations

import re

import httpx2
import pytest
from starlette.applications import Starlette

from app.edge.endpoints import Endpoint
from app.pages import CLOSED, PUBLIC
from tests.conftest import Person, settings_for
from tests.edge.rows import asking, running

pytestmark = pytest.mark.either_engine

STYLES = "GET /assets/css/base.css"
FOREIGN = {"Origin": "https://elsewhere.example"}
OURS = "https://app.example"
Client = httpx2.AsyncClient


async def every_kind_of_answer(client: Client, app: Starlette, **headers: str) -> dict[str, httpx2.Response]:
    """Each row, page and asset, and each thing that can go wrong before or around them."""
    rows = [route for route in app.routes if isinstance(route, Endpoint)]
    asked = {(row.method, re.sub(r"{\w+}", "made-up", row.path)) for row in rows} - {("GET", "/api/fall-late")}
    asked |= {("GET", path) for path in (*PUBLIC, *CLOSED, "/assets/css/base.css", "/nowhere", "/api/nowhere")}
    asked |= {("DELETE", "/api/auth/me"), ("POST", "/assets/css/base.css"), ("TRACE", "/")}
    answers = {f"{method} {path}": await client.request(method, path, headers=headers) for method, path in asked}
    answers["413"] = await client.post("/api/measure", content=b"x" * 2**21, headers=headers)
    answers["422"] = await client.get("/api/look", params={"limit": 0}, headers=headers)
    answers["stream"] = await client.get("/api/fall", headers={**headers, "Accept": "text/event-stream"})
    answers["page"] = await client.get("/nowhere", headers={**headers, "Accept": "text/html"})
    answers["host"] = await client.get("/", headers={**headers, "Host": "elsewhere.example"})
    assert {answer.status_code for answer in answers.values()} >= {200, 303, 400, 401, 404, 405, 413, 415, 422, 500}
    return answers


async def test_every_answer_forbids_foreign_scripts_frames_and_guesses(client: Client, app: Starlette) -> None:
    answers = await every_kind_of_answer(client, app)
    del answers[STYLES]

    for asked, answer in answers.items():
        policy = answer.headers.get("content-security-policy", "")
        assert "default-src 'self'" in policy, asked
        assert "script-src 'self';" in policy, asked
        assert "frame-ancestors 'none'" in policy, asked
        assert "unsafe" not in policy, asked
        assert answer.headers["x-content-type-options"] == "nosniff", asked
        assert answer.headers["referrer-policy"] == "same-origin", asked
        assert answer.headers["x-request-id"], asked
        assert "strict-transport-security" not in answer.headers, asked


async def test_what_can_be_no_page_is_told_no_more_than_it_needs(client: Client) -> None:
    missing, found = [await client.get(path) for path in ("/assets/css/none.css", STYLES.removeprefix("GET "))]

    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["cross-origin-resource-policy"] == "same-origin"
    assert "content-security-policy" not in found.headers
    assert sum(len(name) + len(value) + 4 for name, value in found.headers.items()) < 450
    assert "content-security-policy" in missing.headers


async def test_a_foreign_origin_is_echoed_by_nothing(client: Client, app: Starlette) -> None:
    answers = await every_kind_of_answer(client, app, **FOREIGN)
    answers["preflight"] = await client.options("/api/auth/me", headers={**FOREIGN, **PREFLIGHT})

    echoed = {asked: name for asked, answer in answers.items() for name in answer.headers if "access-control" in name}

    assert echoed == {}


PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://friend.example", "https://friend.example"), ("https://friend.example.evil", None), ("null", None)],
)
async def test_only_the_origins_that_are_set_may_call(database_url: str, origin: str, allowed: str | None) -> None:
    settings = settings_for(database_url, cors_origins="https://friend.example")
    async with running(settings) as app, asking(app) as client:
        answers = await every_kind_of_answer(client, app, Origin=origin)
        answers["preflight"] = await client.options("/api/auth/me", headers={"Origin": origin, **PREFLIGHT})

    del answers["host"]
    assert {answer.headers.get("access-control-allow-origin") for answer in answers.values()} == {allowed}
    assert not any("access-control-allow-credentials" in answer.headers for answer in answers.values())


@pytest.mark.parametrize(("public_url", "promised"), [(OURS, True), ("http://app.example", False)])
async def test_only_a_site_on_https_asks_for_https_ever_after(
    database_url: str, public_url: str, *, promised: bool
) -> None:
    async with running(settings_for(database_url, frontend_url=public_url)) as app, asking(app) as client:
        answers = await every_kind_of_answer(client, app)

    assert {"strict-transport-security" in answer.headers for answer in answers.values()} == {promised}


async def test_what_is_private_is_kept_in_no_cache(client: Client, ann: Person) -> None:
    answer = await client.get("/api/auth/me", headers=ann.headers)

    assert answer.headers["cache-control"] == "no-store"
