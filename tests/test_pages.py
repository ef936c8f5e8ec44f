"""Every page is at its address, and a page that needs an account is seen by nobody without one."""

from __future__ import annotations

import re

import httpx2
import pytest

from app.pages import CLOSED, PUBLIC, WEB
from tests.conftest import Person
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.either_engine

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
Client = httpx2.AsyncClient


async def sign_in(client: Client, who: Person) -> None:
    """As a browser does: the client keeps the cookie."""
    answer = await client.post("/api/auth/login", json={"email": who.email, "password": who.password})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", PUBLIC)
async def test_a_public_page_is_html_that_is_asked_for_again_each_time(client: Client, path: str) -> None:
    answer = await client.get(path, headers=BROWSER)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", CLOSED)
async def test_a_closed_page_sends_a_stranger_to_sign_in_and_back(client: Client, path: str) -> None:
    answer = await client.get(path, headers=BROWSER)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
    assert answer.content == b""


@pytest.mark.parametrize("path", CLOSED)
async def test_a_closed_page_opens_for_whoever_is_signed_in_and_is_kept_nowhere(
    client: Client, ann: Person, path: str
) -> None:
    await sign_in(client, ann)

    answer = await client.get(path, headers=BROWSER)

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize("path", CLOSED)
async def test_a_session_that_is_over_opens_nothing(client: Client, ann: Person, clock: FakeClock, path: str) -> None:
    await sign_in(client, ann)
    clock.advance(days=366)

    answer = await client.get(path, headers=BROWSER)

    assert answer.status_code == 303


async def test_a_browser_that_is_lost_gets_a_page_and_a_program_gets_json(client: Client) -> None:
    page, error = await client.get("/no-such-page", headers=BROWSER), await client.get("/no-such-page")
    api = await client.get("/api/no-such-thing", headers=BROWSER)

    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert (error.status_code, error.json()["code"]) == (404, "not_found")
    assert (api.status_code, api.json()["code"]) == (404, "not_found")


async def test_whatever_a_page_names_of_ours_is_there(client: Client) -> None:
    named = {
        address
        for page in WEB.glob("*.html")
        for address in re.findall(r'(?:href|src)="(/[^"#?]*)', page.read_text(encoding="utf-8"))
    }
    later = {"/chat", "/billing", "/usage"}

    answers = {address: (await client.get(address)).status_code for address in named - later}

    assert len(answers) > 10
    assert {address: status for address, status in answers.items() if status not in (200, 303)} == {}


@pytest.mark.parametrize("page", sorted(path.name for path in WEB.glob("*.html")))
def test_no_page_holds_what_the_content_security_policy_forbids(page: str) -> None:
    html = (WEB / page).read_text(encoding="utf-8")

    assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>", html)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)


async def test_an_asset_is_fetched_again_only_when_it_changed(client: Client) -> None:
    first = await client.get("/assets/css/base.css")
    again = await client.get("/assets/css/base.css", headers={"If-None-Match": first.headers["etag"]})

    assert (first.status_code, again.status_code) == (200, 304)
    assert first.headers["content-type"] == "text/css; charset=utf-8"


async def test_a_script_has_the_type_without_which_no_browser_runs_it(client: Client) -> None:
    answer = await client.get("/assets/js/next.js")

    assert answer.headers["content-type"].startswith("text/javascript")


def test_no_text_in_a_script_spans_lines_as_those_are_trimmed_by_the_build() -> None:
    for script in (WEB / "js").rglob("*.js"):
        for number, line in enumerate(script.read_text(encoding="utf-8").splitlines(), 1):
            assert line.count("`") % 2 == 0, f"{script.name}:{number}"


async def test_signing_out_closes_the_pages_at_once(client: Client, ann: Person) -> None:
    await sign_in(client, ann)
    before = await client.get("/account")

    await client.post("/api/auth/logout", headers={"Sec-Fetch-Site": "same-origin"})

    after = await client.get("/account")
    assert (before.status_code, after.status_code) == (200, 303)


async def test_a_stranger_who_comes_back_from_paying_still_has_the_payment_after_signing_in(client: Client) -> None:
    answer = await client.get("/billing?session_id=cs_1", headers=BROWSER)

    assert answer.headers["location"] == "/login?next=/billing%3Fsession_id%3Dcs_1"
