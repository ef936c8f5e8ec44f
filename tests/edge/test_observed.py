"""Every request has an id, a line in the log and a place in the counts."""

from __future__ import annotations

import httpx2
import pytest

from app.services import Services
from app.settings import Settings
from tests.conftest import PASSWORD, Person, settings_for
from tests.observability.lines import Lines

SANE = ["12345678", "my-trace_0.1", "a" * 64]
INSANE = ["", "1234567", "a" * 65, "with space", "semi;colon", "üüüüüüüü", "12345678\t9", '"quoted-id"']
Client = httpx2.AsyncClient


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, environment="production", log_level="DEBUG", frontend_url="http://app")


@pytest.mark.parametrize("identifier", SANE)
async def test_a_sane_id_is_kept(client: Client, identifier: str) -> None:
    answer = await client.get("/api/nowhere", headers={"X-Request-ID": identifier})

    assert answer.headers["x-request-id"] == answer.json()["requestId"] == identifier


@pytest.mark.parametrize("identifier", INSANE)
async def test_an_insane_id_is_replaced(client: Client, identifier: str) -> None:
    answer = await client.get("/api/nowhere", headers={b"X-Request-ID": identifier.encode()})

    assert answer.headers["x-request-id"] == answer.json()["requestId"]
    assert answer.headers["x-request-id"].startswith("req_")


async def test_no_two_requests_share_an_id(client: Client) -> None:
    answers = [await client.get("/healthz") for _ in range(50)]

    assert len({answer.headers["x-request-id"] for answer in answers}) == 50


async def test_the_id_is_in_every_line_of_that_request_and_in_no_other(lines: Lines, client: Client) -> None:
    fallen, fine = await client.get("/api/fall"), await client.get("/healthz")

    assert [line["event"] for line in lines.of(fallen)] == ["unexpected_error", "request"]
    assert "RuntimeError" in lines.of(fallen)[0]["exception"]
    assert [line["event"] for line in lines.of(fine)] == ["request"]


async def test_a_request_is_logged_without_what_follows_the_question_mark(lines: Lines, client: Client) -> None:
    answer = await client.get("/api/look?cursor=a-private-thing")

    (line,) = lines.of(answer)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/look", 422)
    assert 0 < line["ms"] < 10_000
    assert "a-private-thing" not in str(lines.all())


async def test_whoever_is_signed_in_is_named_in_the_log_and_the_next_one_is_not(lines: Lines, client: Client) -> None:
    signed_up = await client.post("/api/auth/register", json={"email": "ann@example.com", "password": PASSWORD})
    known = await client.get("/api/auth/me")
    client.cookies.clear()
    unknown = await client.get("/api/auth/me")

    assert lines.of(known)[-1]["user_id"] == signed_up.json()["user"]["id"]
    assert "user_id" not in lines.of(unknown)[-1]


async def test_a_path_cannot_forge_a_line(lines: Lines, client: Client) -> None:
    answer = await client.get('/nowhere%0a{"event":"forged"}')

    assert [line["event"] for line in lines.of(answer)] == ["request"]
    assert "forged" not in {line["event"] for line in lines.all()}


async def test_an_answer_that_breaks_off_is_logged_and_cut(lines: Lines, live_url: str) -> None:
    async with Client(base_url=live_url, headers={"X-Request-ID": "breaks-off"}) as caller:
        with pytest.raises(httpx2.RemoteProtocolError):
            await caller.get("/api/fall-late")

    (error,) = [line for line in lines.all() if line["level"] == "error"]
    assert error["request_id"] == "breaks-off"
    assert "RuntimeError" in error["exception"]


async def test_requests_are_counted_by_route_and_not_by_address(
    client: Client, services: Services, ann: Person
) -> None:
    for made_up in ("ses_1", "ses_2", "ses_3"):
        await client.delete(f"/api/auth/sessions/{made_up}", headers=ann.headers)
        await client.get(f"/{made_up}")

    def count(method: str, route: str) -> float | None:
        labels = {"method": method, "route": route, "status": "404"}
        return services.metrics.registry.get_sample_value("prome_requests_total", labels)

    assert count("DELETE", "/api/auth/sessions/{session_id}") == 3
    assert count("GET", "(none)") == 3
    assert services.metrics.registry.get_sample_value("prome_requests_open") == 0
