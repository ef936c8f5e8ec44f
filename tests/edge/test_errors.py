"""One shape for everything that goes wrong, in the form that the caller can read."""

from __future__ import annotations

import httpx2
import orjson
import pytest

from app.errors import AppError
from tests.conftest import Person
from tests.edge.rows import SECRET_WORDS

pytestmark = pytest.mark.either_engine

WRONG = [
    ("GET", "/api/no-such-thing", 404, "not_found"),
    ("GET", "/api/auth/me/", 404, "not_found"),
    ("GET", "/assets/no-such-file.js", 404, "not_found"),
    ("GET", "/assets/..%2f..%2fpyproject.toml", 404, "not_found"),
    ("GET", "/assets/a%00b", 404, "not_found"),
    ("GET", "/assets/" + "a" * 5000, 404, "not_found"),
    ("PUT", "/api/auth/me", 405, "method_not_allowed"),
    ("POST", "/assets/css/base.css", 405, "method_not_allowed"),
    ("POST", "/login", 405, "method_not_allowed"),
    ("GET", "/api/auth/me", 401, "unauthenticated"),
    ("GET", "/api/fall", 500, "internal_error"),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), WRONG)
async def test_an_error_is_a_sentence_a_code_and_the_id_to_find_it_by(
    client: httpx2.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)

    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["error"].endswith(".")
    assert body["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("method", "path", "status", "code"), WRONG)
async def test_a_reader_of_streams_gets_the_same_as_its_one_event(
    client: httpx2.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path, headers={"Accept": "text/event-stream"})

    number, event, data, *rest = answer.text.split("\n")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (number, event, rest) == ("id: 0", "event: error", ["", ""])
    assert orjson.loads(data.removeprefix("data: "))["code"] == code


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/html, */*", "application/json"),
        ("application/json, text/event-stream", "application/json"),
        ("text/event-stream;q=0", "application/json"),
        ("Text/Event-Stream", "text/event-stream; charset=utf-8"),
        ("text/event-stream, */*;q=0.1", "text/event-stream; charset=utf-8"),
    ],
)
async def test_an_error_has_the_form_that_is_liked_best(client: httpx2.AsyncClient, accept: str, kind: str) -> None:
    answer = await client.get("/api/no-such-thing", headers={"Accept": accept})

    assert answer.headers["content-type"] == kind


async def test_what_nobody_foresaw_is_told_in_constant_words(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/fall")

    assert answer.json() == {
        "error": AppError.message,
        "code": "internal_error",
        "requestId": answer.headers["x-request-id"],
    }
    assert SECRET_WORDS not in answer.text


async def test_a_wrong_method_is_told_the_right_ones(client: httpx2.AsyncClient) -> None:
    row = await client.put("/api/auth/sessions/some")
    asset = await client.post("/assets/css/base.css")

    assert row.headers["allow"] == "DELETE"
    assert asset.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/api/auth/me/", "/login/", "/healthz/", "/assets"])
async def test_a_slash_too_many_or_too_few_is_another_address(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_every_field_at_fault_is_named_with_its_reason(client: httpx2.AsyncClient, ann: Person) -> None:
    sent = {"currentPassword": 5, "newPasswort": "typo"}

    answer = await client.post("/api/auth/password", json=sent, headers=ann.headers)

    assert answer.status_code == 422
    assert {fault["field"]: fault["message"] for fault in answer.json()["fields"]} == {
        "currentPassword": "This must be a text.",
        "newPassword": "This field is required.",
        "newPasswort": "This field is not known here.",
    }
