"""What is taken along is whole, and no title or reply can break out of it."""

from __future__ import annotations

from email.message import Message as Headers
from urllib.parse import unquote

import httpx2
import pytest

from app.conversations.export import disposition
from app.conversations.markdown import closed
from app.services import Services
from tests.conftest import Person
from tests.conversations.talking import talk

TITLES = [
    "Plain",
    "Quotes \" and \\ and '",
    "Lines\r\nSet-Cookie: evil=1\r\n\r\n<script>",
    "北京 und Zürich 🎉",
    "../../etc/passwd",
    "\u202egpj.exe",
    "CON:*?|<>",
    "…" * 200,
    "%22%0d%0a",
    "...",
    " ",
    "\ud800",
]


@pytest.mark.parametrize("title", TITLES)
def test_the_name_of_the_file_survives_any_title(title: str) -> None:
    header = disposition(title, "md")

    assert header.isascii()
    assert header.isprintable()
    assert len(header) < 1000
    parsed = Headers()
    parsed["Content-Disposition"] = header
    assert parsed.get_content_disposition() == "attachment"
    plain, whole = header.split("; ")[1:]
    assert plain.startswith('filename="')
    assert plain.count('"') == 2
    name = unquote(whole.removeprefix("filename*=UTF-8''"))
    for found in (name, plain.removeprefix('filename="').removesuffix('"')):
        assert found.endswith(".md")
        assert len(found) > len(".md")
        assert not set(found) & set('/\\:*?"<>|\r\n\u202e')
        assert not found.startswith(".")


def test_the_name_of_the_file_is_the_title() -> None:
    assert disposition("Zürich 北京", "json") == (
        "attachment; filename=\"Zurich.json\"; filename*=UTF-8''Z%C3%BCrich%20%E5%8C%97%E4%BA%AC.json"
    )


async def test_markdown_shows_who_which_model_and_when(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, "How do I print?", title='Say "hi" # <b>\r\nthere')
    await its.say("Like this:\n\n```python\nprint('hi')\n```", model="small", status="stopped")

    answer = await client.get(f"{its.url}/export", headers=ann.headers)

    asked, replied = (one.created_at.strftime("%Y-%m-%d %H:%M:%S UTC") for one in its.said)
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text == (
        f'# Say "hi" \\# \\<b\\> there\n\nBegun {asked}\n\n'
        f"## You · {asked}\n\nHow do I print?\n\n"
        f"## Assistant · small · {replied} · stopped\n\nLike this:\n\n```python\nprint('hi')\n```\n"
    )


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        ("plain", "plain"),
        ("```\ncode\n```\nafter", "```\ncode\n```\nafter"),
        ("```py\ncode", "```py\ncode\n```"),
        ("~~~~\ncode\n~~~\n```", "~~~~\ncode\n~~~\n```\n~~~~"),
        ("  ````\n```\nstill", "  ````\n```\nstill\n````"),
        ("```\ncode\n```   \n", "```\ncode\n```   "),
        ("```\na\n``` not an end", "```\na\n``` not an end\n```"),
        ("```inline```", "```inline```"),
        ("    ```\nindented", "    ```\nindented"),
        ("```", "```\n```"),
        ("", ""),
    ],
)
def test_a_block_of_code_that_was_left_open_is_closed(content: str, whole: str) -> None:
    assert closed(content) == whole


async def test_json_holds_every_branch_with_parents_first(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, *(f'text "{number}"\u2028' for number in range(230)))
    await its.say("edited", below=its.said[3], usage='{"tokensUsed":7}')
    await its.say("another beginning", first=True)

    answer = await client.get(f"{its.url}/export", headers=ann.headers, params={"format": "json"})

    body = answer.json()
    shown = (await client.get(its.url, headers=ann.headers)).json()
    assert answer.headers["content-type"] == "application/json"
    assert body["conversation"] == shown
    assert {one["id"]: one["content"] for one in body["messages"]} == {one.id: one.content for one in its.said}
    assert len(body["messages"]) == 232
    seen = {None}
    for one in body["messages"]:
        assert one["parentId"] in seen
        seen.add(one["id"])
    assert [one["usage"] for one in body["messages"] if one["content"] == "edited"] == [{"tokensUsed": 7}]


async def test_a_long_branch_comes_whole_as_markdown(
    client: httpx2.AsyncClient, services: Services, ann: Person
) -> None:
    its = await talk(services, ann.id, *(f"text {number}." for number in range(230)))

    text = (await client.get(f"{its.url}/export", headers=ann.headers)).text

    assert text.count("\n## ") == 230
    assert all(f"\n\ntext {number}.\n" in text for number in range(230))


async def test_nothing_said_is_an_export_too(client: httpx2.AsyncClient, services: Services, ann: Person) -> None:
    its = await talk(services, ann.id)

    as_json = await client.get(f"{its.url}/export", headers=ann.headers, params={"format": "json"})
    as_markdown = await client.get(f"{its.url}/export", headers=ann.headers)

    assert as_json.json()["messages"] == []
    assert as_markdown.text.startswith("# A talk\n")
