"""What somebody is called is for them to say."""

from __future__ import annotations

import httpx2
import pytest

from tests.conftest import Person

ME = "/api/auth/me"


async def test_a_new_name_is_kept_and_told(client: httpx2.AsyncClient, ann: Person, bob: Person) -> None:
    answer = await client.patch(ME, json={"name": "  Ann \n Example  "}, headers=ann.headers)

    assert answer.status_code == 200
    assert answer.json()["user"]["name"] == "Ann Example"
    assert (await client.get(ME, headers=ann.headers)).json() == answer.json()
    assert (await client.get(ME, headers=bob.headers)).json()["user"]["name"] == "bob"


@pytest.mark.parametrize("name", ["", " \n ", "x" * 81, "a\x00b", None, 7])
async def test_what_is_no_name_is_refused_at_its_field(client: httpx2.AsyncClient, ann: Person, name: object) -> None:
    answer = await client.patch(ME, json={"name": name}, headers=ann.headers)

    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "name")
    assert (await client.get(ME, headers=ann.headers)).json()["user"]["name"] == "ann"


async def test_nothing_else_about_me_can_be_set(client: httpx2.AsyncClient, ann: Person) -> None:
    answer = await client.patch(ME, json={"name": "Ann", "role": "admin"}, headers=ann.headers)

    assert answer.status_code == 422
