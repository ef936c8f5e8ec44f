"""The till as an application: by itself on a port, or mounted under a prefix."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from app.stripe_sandbox import api, developer, pages
from app.stripe_sandbox.markup import notice
from app.stripe_sandbox.till import Till

STYLE = Path(__file__).parent / "style.css"


async def style(request: Request) -> Response:
    return FileResponse(STYLE, media_type="text/css", headers={"Cache-Control": "no-cache"})


async def not_found(request: Request, error: Exception) -> Response:
    return notice(request, "Not found", "There is nothing at this address.", status=404)


def sandbox(till: Till, *, base_url: str = "") -> Starlette:
    """`base_url`: by which browsers reach it; empty: the address by which each request came."""
    app = Starlette(
        routes=[*api.routes, *pages.routes, *developer.routes, Route("/style.css", style)],
        exception_handlers={404: not_found},
    )
    app.router.redirect_slashes = False
    app.state.till, app.state.base_url = till, base_url
    return app
