"""Who deletes their account is gone: nothing names them, nobody comes in, and the books still add up."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from starlette.applications import Starlette

from app.accounts import accounts, resets
from app.accounts.doors import TRIES_PER_ACCOUNT
from app.accounts.leavers import mark_of
from app.ledger import ledger
from app.services import Services
from app.settings import Settings
from tests.accounts.callers import another_session, sign_in, status_of
from tests.chat.callers import calling
from tests.conftest import Person, Register, settings_for
from tests.conversations.talking import talk
from tests.fakes.provider import ScriptedProvider
from tests.leaving.going import ME, everything, leave, require_whole_books
from tests.waiting import eventually, soon

Client = httpx2.AsyncClient


@pytest.fixture
def settings(database_url: str) -> Settings:
    """With no till at all."""
    return settings_for(database_url, stripe_sandbox="off")


async def balance_of(services: Services, user_id: str) -> int:
    async with services.db.read() as session:
        return (await ledger.balance(session, user_id)).balance


async def test_nothing_that_names_anybody_or_that_they_said_is_left(
    client: Client, services: Services, ann: Person, bob: Person
) -> None:
    await client.patch(ME, json={"name": "Ann Unmistakable"}, headers=ann.headers)
    async with services.db.begin() as session:
        await resets.begin(session, ann.id, services.clock.now())
    for number in range(25):
        await talk(services, ann.id, f"pomegranate {number}", "turmeric", title="marmalade")
    await client.delete(f"/api/conversations/{(await talk(services, ann.id, 'x')).id}", headers=ann.headers)
    kept = await talk(services, bob.id, "rhubarb")
    sign_in_as = {"email": ann.email, "password": ann.password}
    await client.post("/api/auth/login", json=sign_in_as, headers={"User-Agent": "Zeppelin/1.0"})
    client.cookies.clear()
    words = ("ann@example.com", "unmistakable", "pomegranate", "turmeric", "marmalade", "zeppelin")
    before = (await everything(services)).lower()
    assert all(word in before for word in words)

    answer = await leave(client, ann)

    assert answer.status_code == 204
    after = (await everything(services)).lower()
    assert [word for word in words if word in after] == []
    assert "rhubarb" in after
    assert len((await client.get(f"{kept.url}/messages", headers=bob.headers)).json()["messages"]) == 1
    async with services.db.read() as session:
        for table in ("sign_ins", "password_resets", "conversations", "conversation_deletions", "idempotency_keys"):
            assert await session.rows(f"SELECT * FROM {table} WHERE user_id = $1", ann.id) == [], table


async def test_every_session_ends_and_the_password_is_of_no_use(
    client: Client, services: Services, ann: Person
) -> None:
    elsewhere = await another_session(client, ann.email)

    answer = await leave(client, ann)

    assert "session=" in answer.headers["set-cookie"]
    assert [await status_of(client, headers) for headers in (ann.headers, elsewhere)] == [401, 401]
    refused = await sign_in(client, ann.email)
    unknown = await sign_in(client, "nobody@example.com")
    assert {**refused.json(), "requestId": ""} == {**unknown.json(), "requestId": ""}
    assert (await leave(client, ann)).status_code == 401


async def test_a_link_to_a_new_password_does_not_bring_the_account_back(
    client: Client, services: Services, ann: Person
) -> None:
    async with services.db.begin() as session:
        token = await resets.begin(session, ann.id, services.clock.now())
    await leave(client, ann)

    answer = await client.post("/api/auth/password/reset", json={"token": token, "newPassword": "a quieter horse"})

    assert answer.json()["code"] == "reset_link_invalid"


async def test_the_ledger_stays_and_the_books_add_up(client: Client, services: Services, ann: Person) -> None:
    await leave(client, ann)

    assert await balance_of(services, ann.id) == 1000
    await require_whole_books(services)


async def test_a_wrong_password_removes_nothing_and_guessing_is_slow(
    client: Client, services: Services, ann: Person
) -> None:
    said = await talk(services, ann.id, "still here")

    tries = [await leave(client, ann, "not the one") for _ in range(TRIES_PER_ACCOUNT + 1)]

    assert [(one.status_code, one.json()["code"]) for one in tries[:-1]] == [(403, "wrong_password")] * (len(tries) - 1)
    assert (tries[-1].status_code, tries[-1].json()["code"]) == (429, "too_many_attempts")
    assert "Retry-After" in tries[-1].headers
    assert (await leave(client, ann)).status_code == 429
    assert (await client.get(said.url, headers=ann.headers)).status_code == 200


async def test_the_address_can_register_again_as_somebody_new_without_a_second_welcome(
    client: Client, services: Services, ann: Person, register: Register
) -> None:
    await leave(client, ann)

    again = await register("ANN@example.com")

    assert again.id != ann.id
    assert await balance_of(services, again.id) == 0
    conversations = await client.get("/api/conversations", headers=again.headers)
    statement = await client.get("/api/billing/ledger", headers=again.headers)
    assert (conversations.json()["conversations"], statement.json()["entries"]) == ([], [])
    assert (await leave(client, again)).status_code == 204
    assert await balance_of(services, (await register(ann.email)).id) == 0
    assert await balance_of(services, (await register("ann2@example.com")).id) == 1000
    await require_whole_books(services)


async def test_the_mark_of_an_address_tells_nothing_without_the_key(settings: Settings) -> None:
    other = settings.model_copy(update={"password_pepper": type(settings.jwt_secret)("another key than before")})

    marks = {
        mark_of(settings, "ann@example.com"),
        mark_of(settings, "bob@example.com"),
        mark_of(other, "ann@example.com"),
    }

    assert len(marks) == 3
    assert all("ann" not in mark for mark in marks)


async def test_a_running_reply_is_stopped_and_paid_for_first(
    app: Starlette, live_url: str, services: Services, ann: Person, provider: ScriptedProvider
) -> None:
    provider.endless, provider.gap_seconds = True, 0.001
    async with calling(live_url, ann, app) as caller:
        stream_id = await caller.begin("Tell me everything.")
        await eventually(lambda: services.turns.running[stream_id].chars > 100)

        answer = await leave(caller.http, ann)

    assert answer.status_code == 204
    assert provider.hung_up == 1
    async with services.db.read() as session:
        used = await session.row("SELECT outcome, charged FROM hold_resolutions WHERE user_id = $1", ann.id)
        assert used is not None
        assert (used["outcome"], used["charged"] > 10) == ("settled", True)
        assert (await ledger.balance(session, ann.id)).held == 0
        assert await session.rows("SELECT id FROM conversations") == []
    await require_whole_books(services)


async def test_what_is_begun_while_somebody_leaves_is_over_and_gone_as_well(
    app: Starlette, live_url: str, services: Services, ann: Person, provider: ScriptedProvider
) -> None:
    provider.endless, provider.gap_seconds = True, 0.001
    async with calling(live_url, ann, app) as caller:
        left, *asked = await asyncio.gather(
            leave(caller.http, ann),
            *(caller.post(f"Question {number}", {"Prefer": "respond-async"}, maxTokens=50) for number in range(4)),
        )
    assert left.status_code == 204
    assert {one.status_code for one in asked} <= {202, 401}

    await services.leaving.finish()

    assert services.turns.running == {}
    async with services.db.read() as session:
        assert await session.rows("SELECT id FROM conversations") == []
        assert (await ledger.balance(session, ann.id)).held == 0
    await require_whole_books(services)


async def test_whoever_asks_and_hangs_up_is_gone_all_the_same(client: Client, services: Services, ann: Person) -> None:
    async with services.db.read() as session:
        user = await accounts.by_id(session, ann.id)
    asking = asyncio.create_task(services.leaving.leave(user))
    await asyncio.sleep(0)

    asking.cancel()
    await services.leaving.drain()

    assert asking.cancelled()
    assert await status_of(client, ann.headers) == 401


async def test_of_two_tabs_that_delete_at_once_one_does(client: Client, services: Services, ann: Person) -> None:
    answers = await asyncio.gather(*(leave(client, ann) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [204, 401, 401]


async def test_the_open_pages_of_the_account_hear_that_it_is_over(
    app: Starlette, live_url: str, services: Services, ann: Person
) -> None:
    async with calling(live_url, ann, app) as caller, caller.http.stream("GET", "/api/events") as channel:
        lines = channel.aiter_lines()
        await anext(lines)

        await leave(caller.http, ann)

        async with soon():
            async for _ in lines:
                pass
