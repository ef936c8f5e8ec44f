"""Nobody reads or drives what isn't theirs: every row of the route table is asked by everybody it should refuse."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from app.accounts import accounts
from app.edge.endpoints import Endpoint, get
from app.ledger.ledger import Terms
from app.ledger.rates import Rates
from app.main import create_app
from app.services import Services
from tests.billing.ordering import ordered
from tests.conftest import Person, Register, settings_for
from tests.conversations.talking import talk
from tests.fakes.clock import FakeClock

# Whoever opens a row to strangers says so here as well.
PUBLIC = {
    "POST /api/auth/register",
    "POST /api/auth/login",
    "POST /api/auth/password/forgot",
    "POST /api/auth/password/reset",
    "GET /api/models",
    "GET /api/billing/packages",
    "POST /api/billing/webhook",
    "POST /api/billing/webhook/",
    "POST /api/stripe/webhook",
    "POST /api/stripe/webhook/",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /docs",
}
Client = httpx2.AsyncClient


async def their_session(client: Client, services: Services, them: Person) -> str:
    sessions = await client.get("/api/auth/sessions", headers=them.headers)
    return str(sessions.json()["sessions"][0]["id"])


async def their_receipt(client: Client, services: Services, them: Person) -> str:
    terms = Terms(10, 20, Rates(1000, 1000))
    async with services.meter.hold(them.id, terms, lifetime=timedelta(minutes=1)) as held:
        held.use(10, 5, "estimate")
    return held.id


async def their_conversation(client: Client, services: Services, them: Person) -> str:
    return (await talk(services, them.id, "a secret")).id


async def their_stream(client: Client, services: Services, them: Person) -> str:
    headers = {**them.headers, "Accept": "application/json"}
    asked = await client.post("/api/chat", json={"message": "a secret"}, headers=headers)
    return asked.headers["X-Stream-Id"]


async def their_order(client: Client, services: Services, them: Person) -> str:
    order = await ordered(services, them.id)
    return order.id


async def their_checkout(client: Client, services: Services, them: Person) -> str:
    order = await ordered(services, them.id)
    assert order.session_id is not None
    return order.session_id


async def their_id(client: Client, services: Services, them: Person) -> str:
    return them.id


# For each name in a path: how to make such a thing that belongs to somebody else.
THEIRS: dict[str, Callable[[Client, Services, Person], Awaitable[str]]] = {
    "session_id": their_session,
    "usage_id": their_receipt,
    "conversation_id": their_conversation,
    "user_id": their_id,
    "stream_id": their_stream,
    "order_id": their_order,
    "checkout_id": their_checkout,
}
# What a row must be sent before it looks at whose thing it is.
BODIES: dict[str, dict[str, str]] = {"PATCH /api/conversations/{conversation_id}": {"title": "Mine now"}}


def rows_of(app: Starlette) -> list[Endpoint]:
    return [row for row in app.routes if isinstance(row, Endpoint)]


def label(row: Endpoint) -> str:
    return f"{row.method} {row.path}"


def names_in(row: Endpoint) -> list[str]:
    return re.findall(r"{(\w+)", row.path)


def address(row: Endpoint, **parts: str) -> str:
    return re.sub(r"{(\w+)[^}]*}", lambda found: parts.get(found[1], "made-up"), row.path)


def without_policy(app: Starlette) -> list[str]:
    closed = [row for row in rows_of(app) if label(row) not in PUBLIC]
    return [f"{label(row)}: THEIRS does not know {name}" for row in closed for name in names_in(row)
            if name not in THEIRS]  # fmt: skip


async def answers_to(client: Client, app: Starlette, headers: dict[str, str]) -> dict[str, tuple[int, str]]:
    """What each row that is not on the list says, with all that an honest caller would send but the right token."""
    found: dict[str, tuple[int, str]] = {}
    for row in rows_of(app):
        if label(row) not in PUBLIC:
            answer = await client.request(row.method, address(row), headers=headers, json={})
            found[label(row)] = (answer.status_code, answer.json()["code"])
    return found


def refused(app: Starlette) -> dict[str, tuple[int, str]]:
    return {label(row): (401, "unauthenticated") for row in rows_of(app) if label(row) not in PUBLIC}


def test_only_the_rows_on_this_list_are_public(app: Starlette) -> None:
    assert {label(row) for row in rows_of(app) if row.contract.public} == PUBLIC


def test_every_name_in_a_path_has_somebody_elses_thing_to_be_tried_with(app: Starlette) -> None:
    assert without_policy(app) == []


async def anything(request: Any) -> None: ...


def test_a_new_row_without_such_a_policy_is_noticed(database_url: str) -> None:
    app = create_app(settings_for(database_url), more_routes=[get("/api/things/{thing_id}", anything)])

    assert without_policy(app) == ["GET /api/things/{thing_id}: THEIRS does not know thing_id"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer garbage"},
        {"Authorization": "Basic YTpi"},
        {"Cookie": "session=garbage", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=["nothing", "garbage", "basic", "cookie"],
)
async def test_a_stranger_gets_nowhere(client: Client, app: Starlette, headers: dict[str, str]) -> None:
    assert await answers_to(client, app, headers) == refused(app) != {}


async def test_an_expired_token_gets_nowhere(client: Client, app: Starlette, ann: Person, clock: FakeClock) -> None:
    clock.advance(seconds=app.state.services.settings.jwt_expiration)

    assert await answers_to(client, app, ann.headers) == refused(app)


async def test_a_token_that_was_signed_out_gets_nowhere(client: Client, app: Starlette, ann: Person) -> None:
    await client.post("/api/auth/logout", headers=ann.headers)

    assert await answers_to(client, app, ann.headers) == refused(app)


async def test_a_closed_account_gets_nowhere(client: Client, app: Starlette, ann: Person, services: Services) -> None:
    async with services.db.begin() as session:
        await accounts.disable(session, ann.id, services.clock.now())

    assert await answers_to(client, app, ann.headers) == refused(app)


async def test_somebody_elses_thing_and_one_that_never_was_look_the_same(
    client: Client, app: Starlette, services: Services, register: Register
) -> None:
    ann, bob = await register("ann@example.com"), await register("bob@example.com")
    differing, asked = {}, 0

    for row in rows_of(app):
        theirs = {name: await THEIRS[name](client, services, bob) for name in names_in(row)}
        for name in theirs:
            made_up = {**theirs, name: theirs[name][:4] + "0" * len(theirs[name][4:])}
            answers = [
                await client.request(
                    row.method, address(row, **parts), headers=ann.headers, json=BODIES.get(label(row))
                )
                for parts in (theirs, made_up)
            ]
            said = [{**answer.json(), "requestId": "", "status": answer.status_code} for answer in answers]
            asked += 1
            if said[0] != said[1] or said[0]["status"] != 404:
                differing[label(row)] = said

    assert differing == {}
    assert asked > 0
    still_in = await client.get("/api/auth/me", headers=bob.headers)
    assert still_in.json()["user"]["email"] == "bob@example.com"


async def test_a_token_in_the_query_is_no_token(client: Client, ann: Person) -> None:
    answer = await client.get("/api/auth/me", params={"token": ann.token, "access_token": ann.token})

    assert answer.status_code == 401


async def test_the_owner_does_reach_what_others_do_not(client: Client, services: Services, ann: Person) -> None:
    receipt = await their_receipt(client, services, ann)
    session = await their_session(client, services, ann)

    assert (await client.get(f"/api/billing/usage/{receipt}", headers=ann.headers)).status_code == 200
    assert (await client.delete(f"/api/auth/sessions/{session}", headers=ann.headers)).status_code == 204
