"""Everything that is known about me, to keep; and my account, deleted."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.accounts.confirming import WrongPassword
from app.accounts.doors import TooManyAttempts
from app.accounts.identity import clear_cookie, identity
from app.accounts.passwords import Busy
from app.accounts.shapes import Confirmation
from app.billing.gateway import PaymentsFailed
from app.chat.readings import NotStopped
from app.edge.endpoints import delete, get, reply
from app.edge.origin import CrossSite
from app.leaving import export
from app.leaving.leaving import StillReplying
from app.leaving.shapes import EverythingOut
from app.services import services


async def export_account(request: Request) -> Response:
    """Everything that is known about me, as one file: profile, sessions, conversations with every branch, statement,
    usage, orders and plan."""
    its, me = services(request), identity(request)
    headers = {
        "Content-Disposition": f'attachment; filename="{export.name(its.clock.now())}"',
        "Cache-Control": "no-store",
    }
    pieces = export.everything(its.shop, me.user_id, me.sign_in_id)
    return StreamingResponse(pieces, headers=headers, media_type="application/json")


async def delete_account(request: Request, body: Confirmation) -> Response:
    """Deletes my account, for good: conversations, sessions and what names me. Replies are stopped, a plan is
    cancelled, unspent tokens are lost. Statement and orders are kept without a name."""
    its, me = services(request), identity(request)
    await its.leaving.leave(await its.confirming.require(me.user_id, body.current_password))
    response = reply(None)
    clear_cookie(request, response)
    return response


routes = [
    get("/api/account/export", export_account, returns=EverythingOut),
    delete("/api/auth/me", delete_account, body=Confirmation, status=204,
           raises=[WrongPassword, CrossSite, TooManyAttempts, Busy, NotStopped, StillReplying, PaymentsFailed]),
]  # fmt: skip
