"""The API: one table of rows, and what every call has in common."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.stripe_sandbox import (
    confirming,
    customers,
    disputes,
    errors,
    events,
    expanding,
    forms,
    idempotency,
    invoices,
    payment_methods,
    payments,
    portal,
    prices,
    refunds,
    sessions,
    subscriptions,
)
from app.stripe_sandbox.books import outside
from app.stripe_sandbox.calls import Call, Row
from app.stripe_sandbox.errors import Refusal
from app.stripe_sandbox.links import base_url, till_of
from app.stripe_sandbox.till import Fault, Till

BODY_BYTES_MAX = 256 * 1024
ROOMS = (
    customers,
    prices,
    sessions,
    payments,
    payment_methods,
    refunds,
    disputes,
    subscriptions,
    invoices,
    portal,
    events,
    confirming,
)
TABLE: list[Row] = [row for room in ROOMS for row in room.rows]


async def answer(request: Request, row: Row | None) -> Response:
    till = till_of(request)
    till.tidy()
    fault = till.faults.popleft() if till.faults else None
    head = {
        "Request-Id": till.books.new_id("req", 14),
        "Stripe-Version": request.headers.get("stripe-version") or till.books.api_version,
        "Cache-Control": "no-cache, no-store",
    }
    if key := request.headers.get("idempotency-key"):
        head["Idempotency-Key"] = key
    try:
        _require_key(request, till.key)
        if row is None:
            message = (
                f"Unrecognized request URL ({request.method}: {request.url.path}). Please see https://stripe.com/docs"
            )
            raise Refusal(message, status=404)
        if fault in (Fault.ERROR, Fault.LIMITED):
            raise errors.unwell(429 if fault is Fault.LIMITED else 500)
        sent = forms.parse(await _text(request))
        replayed, (status, body) = _carried_out(request, row, sent, head["Request-Id"])
        if replayed:
            head["Idempotent-Replayed"] = "true"
        if fault is Fault.LOST:
            raise errors.unwell()
    except Refusal as refusal:
        status, body = refusal.status, refusal.body
    return Response(orjson.dumps(body, option=orjson.OPT_INDENT_2), status, head, media_type="application/json")


def _require_key(request: Request, key: str) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        message = "You did not provide an API key. You need to provide your API key in the Authorization header."
        raise Refusal(message, status=401)
    if given.strip() != key:
        raise Refusal(f"Invalid API Key provided: {given[:8]}{'*' * 8}", status=401)


async def _text(request: Request) -> str:
    if request.method in ("GET", "DELETE") and request.url.query:
        return request.url.query
    body = await request.body()
    if len(body) > BODY_BYTES_MAX:
        raise Refusal("The request body is too large.", status=413)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refusal("Invalid request: it is not UTF-8") from None


def _carried_out(request: Request, row: Row, sent: dict[str, Any], request_id: str) -> tuple[bool, idempotency.Answer]:
    """Whatever a call refuses before it has begun may be mended and sent again with the same key."""
    till = till_of(request)
    key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
    asked = f"{request.url.path} {orjson.dumps(sent, option=orjson.OPT_SORT_KEYS).decode()}"
    if key and (kept := idempotency.remembered(till.books, key, asked)):
        return True, kept
    given = row.shape("", sent)
    version = request.headers.get("stripe-version", "")
    call = Call(till.books, base_url(request), request.path_params.get("id", ""), given, version)
    with till.books.change({"id": request_id, "idempotency_key": key or None}):
        result = _done(till, row, call)
        if key:
            idempotency.remember(till.books, key, asked, result)
    return False, result


def _done(till: Till, row: Row, call: Call) -> idempotency.Answer:
    try:
        thing = row.do(call)
        return 200, outside(expanding.expand(till.books, thing, call.given.get("expand", [])))
    except Refusal as refusal:
        if refusal.status == errors.DECLINED:
            return refusal.status, refusal.body
        raise


def _route(row: Row) -> Route:
    async def handle(request: Request) -> Response:
        return await answer(request, row)

    return Route(row.path, handle, methods=[row.method])


async def unrecognised(request: Request) -> Response:
    return await answer(request, None)


routes = [
    *(_route(row) for row in TABLE),
    Route("/v1/{rest:path}", unrecognised, methods=["GET", "POST", "DELETE", "PUT", "PATCH"]),
]
