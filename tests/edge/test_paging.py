"""A list is read page by page with a cursor that only means something to us."""

from __future__ import annotations

import base64

import httpx2
import orjson
import pytest

from app.edge.paging import Page


def cursor_of(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


NOW = "2026-01-31T12:00:00+00:00"
NOT_OURS = [
    "x", "!!!!", "====", "Ž", "\x00", "a" * 513, "bnVsbA",
    *map(cursor_of, [None, 5, "text", [], [NOW], [NOW, "a", "b"], [NOW, 5], [5, "a"], ["2026-01-31T12:00:00", "a"],
                     ["yesterday", "a"], [NOW, "a\x00b"], {"0": NOW, "1": "a"}, [[NOW], "a"],
                     ["0001-01-01T00:00:00+23:59", "a"], ["9999-12-31T23:59:59-23:59", "a"]]),
    base64.urlsafe_b64encode(b"[" * 300).decode(),
    base64.urlsafe_b64encode(b'["2026-01-31T12:00:00+00:00", "\xff"]').decode(),
    base64.urlsafe_b64encode(b'["2026-01-31T12:00:00+00:00", "\\ud800"]').decode(),
]  # fmt: skip


async def test_following_the_cursor_meets_every_row_once(client: httpx2.AsyncClient) -> None:
    seen: list[int] = []
    cursor, pages = "", 0

    while pages == 0 or cursor:
        answer = await client.get("/api/leaf", params={"limit": 4, **({"cursor": cursor} if cursor else {})})
        rows, cursor = answer.text.split("\n")
        seen += orjson.loads(rows)
        pages += 1

    assert seen == list(range(10))
    assert pages == 3


def test_a_cursor_is_a_moment_in_utc_and_an_id() -> None:
    page = Page(limit=1, cursor=cursor_of(["2026-01-31T13:00:00+01:00", "usr_1"]))

    assert page.after is not None
    assert (page.after[0].isoformat(), page.after[1]) == (NOW, "usr_1")


@pytest.mark.parametrize("cursor", NOT_OURS)
async def test_a_cursor_that_we_did_not_give_out_is_refused(client: httpx2.AsyncClient, cursor: str) -> None:
    answer = await client.get("/api/look", params={"cursor": cursor})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == ["cursor"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "", "1.5", "1e1", "9" * 50])
async def test_a_limit_is_from_one_to_a_hundred(client: httpx2.AsyncClient, limit: str) -> None:
    answer = await client.get("/api/look", params={"limit": limit})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == ["limit"]


@pytest.mark.parametrize(("asked", "given"), [({}, 50), ({"limit": "1"}, 1), ({"limit": "100"}, 100)])
async def test_fifty_rows_are_a_page_unless_one_asks_for_another_number(
    client: httpx2.AsyncClient, asked: dict[str, str], given: int
) -> None:
    answer = await client.get("/api/look", params=asked)

    assert answer.json()["characters"] == given


async def test_a_misspelt_parameter_is_refused_by_name(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/look", params={"limits": "5"})

    assert answer.status_code == 422
    assert answer.json()["fields"] == [{"field": "limits", "message": "This field is not known here."}]
