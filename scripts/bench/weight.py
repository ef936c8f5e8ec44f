"""What the chat weighs on the wire, by compression: the first visit, and all that it can want later."""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import join, normpath

from starlette.requests import Request
from starlette.responses import Response

from app.pages import WEB, static
from scripts.bench.scale import FULL, Scale
from scripts.bench.table import show

NAMED = re.compile(r'(?:href|src)="/assets/v-\w+/([^"]+\.(?:css|js|svg))"')
LATER = re.compile(r'(?:from|import\() ?"(\.[^"]+)"')
# What no import names: the colours of one language, which the text decides, and styles and a font.
BY_TEXT = {
    *("vendor/highlight/python.js", "css/code.css", "css/dialog.css", "css/edit.css", "css/receipt.css"),
    *("vendor/temml.css", "vendor/Temml.woff2"),
}
CODINGS = ("br, gzip", "gzip", "identity")


def bench(folder: Path, scale: Scale) -> None:
    first = set(NAMED.findall(bytes(_page("identity").body).decode()))
    everything = _with_what_they_ask_for(first) | BY_TEXT
    rows = [
        (encoding, *(f"{_weigh(files, encoding) / 1000:.1f} kB" for files in (first, everything)))
        for encoding in CODINGS
    ]
    show("The chat on the wire, without headers", ["first visit", "all it can want"], rows)


def _weigh(files: set[str], encoding: str) -> int:
    answers = [_page(encoding), *(static.file(_request(encoding), file) for file in sorted(files))]
    return sum(len(answer.body) for answer in answers)


def _with_what_they_ask_for(files: set[str]) -> set[str]:
    found, new = set(files), set(files)
    while new := {named for file in new for named in _asked_for(file)} - found:
        found |= new
    return found


def _asked_for(file: str) -> set[str]:
    if not file.startswith("js/"):
        return set()
    source = (WEB / file).read_text(encoding="utf-8")
    return {normpath(join(file.rpartition("/")[0], path)) for path in LATER.findall(source)}


def _page(encoding: str) -> Response:
    return static.page(_request(encoding), "chat", {})


def _request(encoding: str) -> Request:
    return Request({"type": "http", "headers": [(b"accept-encoding", encoding.encode())]})


def main() -> None:
    bench(Path(), FULL)


if __name__ == "__main__":
    main()
