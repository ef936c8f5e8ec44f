"""The static client: which page is where, and who is sent to sign in first."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.accounts.identity import cookie_name
from app.edge import errors
from app.edge.static import ASK_AGAIN, Static
from app.errors import Unauthenticated

HERE = Path(__file__).parent
# In the wheel the client travels inside the package; in a checkout it is its own room.
WEB = HERE / "web" if (HERE / "web").is_dir() else HERE.parent / "web"
PUBLIC = {"/": "index", "/login": "login", "/register": "register", "/forgot": "forgot", "/reset": "reset"}
CLOSED = {"/account": "account", "/billing": "billing", "/chat": "chat", "/usage": "usage"}
# The Back button after a sign-out must not show what was there.
PRIVATE = {"Cache-Control": "no-store"}
static = Static(WEB, "/assets")


def _public(path: str, name: str) -> Route:
    async def page(request: Request) -> Response:
        return static.page(request, name, ASK_AGAIN)

    return Route(path, page, name=f"page_{name}")


def _closed(path: str, name: str) -> Route:
    async def page(request: Request) -> Response:
        if not await _is_signed_in(request):
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(asked)}", 303, ASK_AGAIN)
        return static.page(request, name, PRIVATE)

    return Route(path, page, name=f"page_{name}")


async def asset(request: Request) -> Response:
    return static.file(request, request.path_params["path"])


async def _is_signed_in(request: Request) -> bool:
    if not request.cookies.get(cookie_name(request)):
        return False
    try:
        await request.app.state.identify(request)
    except Unauthenticated:
        return False
    return True


async def on_not_found(request: Request, error: Exception) -> Response:
    """A person who followed a bad link gets a page; a program gets the error that it can read."""
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return await errors.on_http_exception(request, error)
    return static.page(request, "not-found", ASK_AGAIN, 404)


routes: list[BaseRoute] = [
    *(_public(path, name) for path, name in PUBLIC.items()),
    *(_closed(path, name) for path, name in CLOSED.items()),
    _closed("/chat/{conversation_id}", "chat"),
    Route("/assets/{path:path}", asset, name="assets"),
]
