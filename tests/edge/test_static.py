"""Files that a browser keeps for as long as it may, and gets in their smallest form."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.edge.static import Static

STYLE = "body { margin: 0 }\n" * 50
PAGE = '<link rel="stylesheet" href="/assets/css/base.css"><a href="/about">About</a>'
Client = httpx2.AsyncClient


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "base.css").write_text(STYLE)
    (folder / "index.html").write_text(PAGE)
    (tmp_path / "secret.css").write_text("secret")
    return folder


@pytest_asyncio.fixture
async def client(folder: Path) -> Client:
    static = Static(folder, "/assets")

    async def page(request: Request) -> Response:
        return static.page(request, "index", {"Cache-Control": "no-cache"})

    async def asset(request: Request) -> Response:
        return static.file(request, request.path_params["path"])

    app = Starlette(routes=[Route("/", page), Route("/assets/{path:path}", asset)])
    return Client(transport=httpx2.ASGITransport(app=app), base_url="http://app")


async def address_in(client: Client) -> str:
    found = re.search(r'href="(/assets/[^"]*)"', (await client.get("/")).text)
    assert found
    return found[1]


async def test_a_page_names_its_files_by_an_address_that_may_be_kept_for_ever(client: Client) -> None:
    address = await address_in(client)

    answer = await client.get(address)

    assert re.fullmatch(r"/assets/v-[0-9a-f]{12}/css/base\.css", address)
    assert (answer.text, answer.headers["cache-control"]) == (STYLE, "public, max-age=31536000, immutable")
    assert 'href="/about"' in (await client.get("/")).text


async def test_a_changed_file_has_another_address_and_the_old_one_is_kept_no_longer(
    client: Client, folder: Path
) -> None:
    before = await address_in(client)
    (folder / "css" / "base.css").write_text("p { margin: 0 }")
    os.utime(folder / "css" / "base.css", ns=(1, 1))

    after = await address_in(client)

    assert before != after
    assert (await client.get(after)).text == "p { margin: 0 }"
    assert (await client.get(before)).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("address", ["/", "/assets/css/base.css"])
async def test_what_has_not_changed_is_not_sent_again(client: Client, address: str) -> None:
    first = await client.get(address)

    again = await client.get(address, headers={"If-None-Match": first.headers["etag"]})
    other = await client.get(address, headers={"If-None-Match": '"something-else"'})

    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.content == b""


@pytest.mark.parametrize(
    ("accepts", "gets"),
    [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("identity", None), ("", None)],
)
async def test_the_smallest_form_that_the_browser_takes_is_sent(
    client: Client, folder: Path, accepts: str, gets: str | None
) -> None:
    (folder / "css" / "base.css.br").write_bytes(b"made by the build")

    async with client.stream("GET", "/assets/css/base.css", headers={"Accept-Encoding": accepts}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])

    sent = {"br": b"made by the build", "gzip": gzip.compress(STYLE.encode(), 9, mtime=0), None: STYLE.encode()}
    assert (answer.headers.get("content-encoding"), raw) == (gets, sent[gets])
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_a_small_form_that_the_build_made_is_sent_while_it_is_true(client: Client, folder: Path) -> None:
    small = folder / "vendor" / "small"
    small.mkdir(parents=True)
    (small / f"{hashlib.sha256(STYLE.encode()).hexdigest()}.gz").write_bytes(gzip.compress(b"small"))

    before = await client.get("/assets/css/base.css", headers={"Accept-Encoding": "gzip"})
    (folder / "css" / "base.css").write_text("p { margin: 0 }")
    after = await client.get("/assets/css/base.css", headers={"Accept-Encoding": "gzip"})

    assert (before.text, after.text) == ("small", "p { margin: 0 }")


@pytest.mark.parametrize("path", ["../secret.css", "%2e%2e/secret.css", "css", "css/base.css.br", "css/a%00.css"])
async def test_nothing_else_is_served(client: Client, folder: Path, path: str) -> None:
    (folder / "css" / "base.css.br").write_bytes(b"made by the build")

    assert (await client.get(f"/assets/{path}")).status_code == 404


async def test_the_style_sheets_of_a_page_come_as_one_and_in_their_order(client: Client, folder: Path) -> None:
    (folder / "css" / "more.css").write_text("a { color: red }\n")
    sheet = '<link rel="stylesheet" href="/assets/css/{}.css">\n'
    (folder / "index.html").write_text(f"<head>\n{sheet.format('base')}{sheet.format('more')}</head>\n")

    page = (await client.get("/")).text
    address = await address_in(client)
    whole = await client.get(address)

    assert page.count("stylesheet") == 1
    assert address.endswith("/css/base+more.css")
    assert whole.text == STYLE + "a { color: red }\n"
    assert whole.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in whole.headers["cache-control"]


@pytest.mark.parametrize("asked", ["more+base", "base+base", "base+more+base", "base+none", "+", "base+../../secret"])
async def test_no_other_files_are_put_together(client: Client, folder: Path, asked: str) -> None:
    (folder / "css" / "more.css").write_text("a { color: red }\n")
    sheet = '<link rel="stylesheet" href="/assets/css/{}.css">\n'
    (folder / "index.html").write_text(sheet.format("base") + sheet.format("more"))

    assert (await client.get(f"/assets/css/{asked}.css")).status_code == 404
    assert (await client.get("/assets/css/base+more.css")).status_code == 200
