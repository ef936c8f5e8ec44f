"""A cookie comes along by itself, so with one an unsafe request must prove that our own page sent it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from app.errors import AppError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSite(AppError):
    status, code, message = 403, "cross_site", "This request came from another site, so it was not carried out."


def require_same_origin(request: Request, public_url: str) -> None:
    """Browsers send `Sec-Fetch-Site`, or at least `Origin`, with every unsafe request; who sends neither is none."""
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    ours = {_origin(public_url), asked_at(request)}
    if (
        (site is not None and site != "same-origin")
        or (origin is not None and origin not in ours)
        or not (site or origin)
    ):
        raise CrossSite


def asked_at(request: Request) -> str:
    """The address of ours by which the request came; its host is one that we answer to, or it would not be here."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
