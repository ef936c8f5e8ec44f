"""HTML, written so that no text can turn into markup."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
EMPTY = ("input", "link", "meta")
# Another site's page may send a browser here, but may not press our buttons.
OWN_PAGES = ("same-origin", "none")


class Safe(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *inside: str | None, **attributes: str | bool) -> Safe:
    """`class_` and `for_` are written with a line behind them; what is False or None is left out."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not False
    )
    if name in EMPTY:
        return Safe(f"<{name}{written}>")
    within = "".join(piece if isinstance(piece, Safe) else escape(piece) for piece in inside if piece is not None)
    return Safe(f"<{name}{written}>{within}</{name}>")


def page(
    request: Request,
    title: str,
    *inside: str | None,
    status: int = 200,
    leads_to: tuple[str, ...] = (),
    wide: bool = False,
) -> Response:
    """`leads_to`: where a form of this page may end up, which a browser wants to know beforehand."""
    here = request.scope.get("root_path", "")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        tag("title", f"{title} · Sandbox till"),
        tag("link", rel="stylesheet", href=f"{here}/style.css"),
        tag("link", rel="icon", href="data:,"),
    )
    badge = tag("p", "Sandbox: no real money", class_="badge")
    developers = tag("footer", tag("a", "What the till did", href=f"{here}/dev"))
    body = tag("body", tag("header", badge), tag("main", *inside, class_="wide" if wide else False), developers)
    headers = {
        "Content-Security-Policy": f"{POLICY}; form-action 'self'{''.join(map(_origin, leads_to))}",
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse("<!doctype html>" + tag("html", head, body, lang="en"), status, headers)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f" {parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else ""


def notice(request: Request, title: str, words: str, back: str | None = None, status: int = 200) -> Response:
    link = tag("p", tag("a", "Go back", href=back, class_="button")) if back else None
    return page(request, title, tag("section", tag("h1", title), tag("p", words), link, class_="card"), status=status)


def from_own_page(request: Request) -> bool:
    return request.headers.get("sec-fetch-site", "none") in OWN_PAGES
