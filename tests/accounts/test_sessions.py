"""Where am I signed in: a paged list, and a way to end what is mine."""

from __future__ import annotations

import httpx2
import pytest

from tests.accounts.callers import another_session, status_of
from tests.conftest import Person
from tests.fakes.clock import FakeClock

SESSIONS = "/api/auth/sessions"


async def _ids(client: httpx2.AsyncClient, person: Person) -> list[str]:
    return [one["id"] for one in (await client.get(SESSIONS, headers=person.headers)).json()["sessions"]]


async def test_the_list_is_paged_newest_first_with_this_one_marked(
    client: httpx2.AsyncClient, ann: Person, bob: Person, clock: FakeClock
) -> None:
    for _ in range(4):
        clock.advance(seconds=1)
        await another_session(client, ann.email)

    pages, cursor = [], ""
    while cursor is not None:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(SESSIONS, params=query, headers=ann.headers)).json()
        pages.append(page["sessions"])
        cursor = page["nextCursor"]

    listed = [one for page in pages for one in page]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({one["id"] for one in listed}) == 5
    assert [one["createdAt"] for one in listed] == sorted((one["createdAt"] for one in listed), reverse=True)
    assert [one["current"] for one in listed] == [False] * 4 + [True]
    assert set(listed[0]) == {"id", "agent", "current", "createdAt", "expiresAt"}


async def test_sessions_of_one_moment_are_each_listed_once(client: httpx2.AsyncClient, ann: Person) -> None:
    for _ in range(4):
        await another_session(client, ann.email)

    first = (await client.get(SESSIONS, params={"limit": 3}, headers=ann.headers)).json()
    rest = (await client.get(SESSIONS, params={"cursor": first["nextCursor"]}, headers=ann.headers)).json()

    assert len({one["id"] for one in first["sessions"] + rest["sessions"]}) == 5
    assert rest["nextCursor"] is None


async def test_another_device_is_signed_out_from_here(client: httpx2.AsyncClient, ann: Person) -> None:
    (here,) = await _ids(client, ann)
    other = await another_session(client, ann.email)
    (there,) = set(await _ids(client, ann)) - {here}

    ended = await client.delete(f"{SESSIONS}/{there}", headers=ann.headers)

    assert ended.status_code == 204
    assert await status_of(client, other) == 401
    assert await _ids(client, ann) == [here]
    assert (await client.delete(f"{SESSIONS}/{there}", headers=ann.headers)).status_code == 404


async def test_somebody_elses_session_is_not_there(client: httpx2.AsyncClient, ann: Person, bob: Person) -> None:
    (of_bob,) = await _ids(client, bob)

    answers = [await client.delete(f"{SESSIONS}/{name}", headers=ann.headers) for name in (of_bob, "sgn_missing")]

    of_another, missing = ({**answer.json(), "requestId": ""} for answer in answers)
    assert [answer.status_code for answer in answers] == [404, 404]
    assert of_another == missing
    assert await status_of(client, bob.headers) == 200


async def test_ended_and_expired_sessions_are_not_listed(
    client: httpx2.AsyncClient, ann: Person, clock: FakeClock
) -> None:
    await another_session(client, ann.email)
    clock.advance(days=6)
    fresh = await another_session(client, ann.email)
    clock.advance(days=2)

    listed = (await client.get(SESSIONS, headers=fresh)).json()["sessions"]

    assert [one["current"] for one in listed] == [True]


@pytest.mark.parametrize("agent", ["", "x" * 5000, "NUL\x00inside", "höhere Gewalt"], ids=ascii)
async def test_any_user_agent_is_kept_within_reason(client: httpx2.AsyncClient, ann: Person, agent: str) -> None:
    body = {"email": ann.email, "password": ann.password}
    headers = [(b"User-Agent", agent.encode("latin-1"))]

    response = await client.post("/api/auth/login", json=body, headers=headers)

    client.cookies.clear()
    listed = (await client.get(SESSIONS, headers=ann.headers)).json()["sessions"]
    assert response.status_code == 200
    assert agent.replace("\x00", "")[:200] in [one["agent"] for one in listed]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"cursor": "x"}, {"cursor": "W10"}, {"page": 2}])
async def test_a_query_that_makes_no_sense_is_refused(
    client: httpx2.AsyncClient, ann: Person, query: dict[str, str]
) -> None:
    response = await client.get(SESSIONS, params=query, headers=ann.headers)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
