"""Where the till is, as the world sees it."""

from __future__ import annotations

from typing import cast
from urllib.parse import parse_qsl

from starlette.requests import Request

from app.stripe_sandbox.errors import Refusal
from app.stripe_sandbox.till import Till

FIELDS_MAX = 20


def till_of(request: Request) -> Till:
    return cast(Till, request.app.state.till)


def base_url(request: Request) -> str:
    """The one it was given; else the one by which it was asked, prefix included."""
    asked = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"
    return str(request.app.state.base_url or asked).rstrip("/")


async def form_of(request: Request) -> dict[str, str]:
    """A page's form; a field that comes twice counts once."""
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise Refusal("This form cannot be read.") from None
