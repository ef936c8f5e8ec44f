"""Being told to stop: running replies finish, or end in a way that can be taken up again, and nothing is misbilled."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from app.db import Database
from app.ledger import audit
from app.mail import ATTEMPT_SECONDS
from tests.chat.strict import Event, events_of, read_all, require_grammar, text_of
from tests.command import Command, Server
from tests.fakes.upstream import upstream
from tests.figures import figure
from tests.own_postgres import OwnPostgres
from tests.waiting import WAIT_SECONDS_MAX, hang_up, soon

PASSWORD = "correct horse battery"
GAP_SECONDS = 0.02
Trouble = Callable[[OwnPostgres], AbstractContextManager[None]]


@pytest.fixture
def command(tmp_path: Path, assets: str, database_url: str) -> Command:
    return Command(tmp_path, {"ASSETS_DIR": assets, "DATABASE_URL": database_url, "OPENAI_MODEL": "fake"})


@pytest.fixture
def assets() -> str:
    return str(Path(__file__).parents[1] / "var")


@asynccontextmanager
async def somebody(server: Server, email: str = "ann@example.com") -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=server.url, timeout=WAIT_SECONDS_MAX) as client:
        registered = await client.post("/api/auth/register", json={"email": email, "password": PASSWORD})
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {registered.json()['token']}"
        yield client


async def until_words(stream: AsyncIterator[Event]) -> list[Event]:
    seen = []
    async for event in stream:
        seen.append(event)
        if event.name == "answer":
            break
    return seen


async def gone(server: Server) -> None:
    await asyncio.to_thread(server.process.wait, WAIT_SECONDS_MAX)


async def differences(url: str) -> list[object]:
    db = Database(url)
    await db.open()
    try:
        async with db.read() as session:
            return list(await audit.differences(session))
    finally:
        await db.close()


async def test_a_running_reply_goes_on_to_its_end_and_new_ones_are_refused(command: Command) -> None:
    async with upstream(tokens=60, gap_seconds=GAP_SECONDS) as fake:
        with command.serving(OPENAI_BASE_URL=fake.url, DRAIN_SECONDS="10") as server:
            async with somebody(server) as client, client.stream("POST", "/api/chat", json={"message": "Go"}) as reply:
                stream = events_of(reply)
                seen = await until_words(stream)
                server.process.terminate()
                refused, ready = await refused_soon(client)
                seen += [event async for event in stream]
            await gone(server)

    require_grammar(seen)
    assert seen[-1].name == "done"
    assert (refused.status_code, refused.json()["code"]) == (503, "draining")
    assert "Retry-After" in refused.headers
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert server.process.returncode == 0, server.log.read_text()
    assert "Traceback" not in server.log.read_text()


async def test_a_stop_that_is_said_twice_cuts_nothing_and_an_impatient_operator_does(command: Command) -> None:
    async with upstream(tokens=150, gap_seconds=GAP_SECONDS) as fake:
        told_again = await stopped_twice(command, fake.url, signal.SIGTERM)
        impatient = await stopped_twice(command, fake.url, signal.SIGINT)

    require_grammar(told_again)
    assert told_again[-1].name == "done"
    assert impatient[-1].name != "done"


async def stopped_twice(command: Command, upstream_url: str, number: signal.Signals) -> list[Event]:
    """What a reader saw of a reply that takes longer than a server's last requests may."""
    seen: list[Event] = []
    with command.serving(OPENAI_BASE_URL=upstream_url, DRAIN_SECONDS="20") as server:
        email = f"{number.name.lower()}@example.com"
        async with (
            somebody(server, email) as client,
            client.stream("POST", "/api/chat", json={"message": "Go"}) as reply,
        ):
            stream = events_of(reply)
            seen += await until_words(stream)
            server.process.send_signal(number)
            await refused_soon(client)
            server.process.send_signal(number)
            with suppress(httpx2.HTTPError):
                seen += [event async for event in stream]
        await gone(server)
    return seen


async def refused_soon(client: httpx2.AsyncClient) -> tuple[httpx2.Response, httpx2.Response]:
    """The signal takes a moment to arrive."""
    async with soon():
        while (ready := await client.get("/readyz")).status_code == 200:
            pass
    return await client.post("/api/chat", json={"message": "One more"}), ready


async def test_at_the_deadline_a_reply_ends_so_that_it_can_be_taken_up_again(
    command: Command, database_url: str
) -> None:
    async with upstream(tokens=5000, gap_seconds=GAP_SECONDS) as fake:
        with command.serving(OPENAI_BASE_URL=fake.url, DRAIN_SECONDS="1") as server:
            async with somebody(server) as client, client.stream("POST", "/api/chat", json={"message": "Go"}) as reply:
                stream = events_of(reply)
                seen = await until_words(stream)
                began = time.monotonic()
                server.process.terminate()
                seen += [event async for event in stream]
                await gone(server)
                seconds = time.monotonic() - began
        with command.serving(OPENAI_BASE_URL=fake.url) as server:
            await require_it_can_be_taken_up(server, client, seen)

    require_grammar(seen)
    error = seen[-1].data
    assert (error["code"], error["retryable"]) == ("draining", True)
    assert seen[-2].data["completionTokens"] > 0
    assert error["balance"] == 1000 - seen[-2].data["tokensUsed"]
    figure("S10: a worker with 1 s to stop is gone after", seconds, 3, "s")
    assert await differences(database_url) == []


async def test_a_mail_server_that_says_nothing_has_no_more_time_than_replies_have(command: Command) -> None:
    async with silence() as (mail_url, was_called):
        with command.serving(SMTP_URL=mail_url, DRAIN_SECONDS="1") as server:
            async with somebody(server) as client:
                await client.post("/api/auth/password/forgot", json={"email": "ann@example.com"})
            async with soon():
                await was_called.wait()
            code, seconds = await asyncio.to_thread(server.terminate)

    assert code == 0, server.log.read_text()
    assert "mails_given_up" in server.log.read_text()
    # It would be waited for for twenty seconds, which is more than any machine takes for the rest of a stop.
    assert seconds < ATTEMPT_SECONDS
    figure("S10: a worker with 1 s to stop and a letter under way is gone after", seconds, 3, "s")


@asynccontextmanager
async def silence() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A mail server that takes calls and never says a word."""
    was_called, writers = asyncio.Event(), list[asyncio.StreamWriter]()

    def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        was_called.set()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", was_called
        for writer in writers:
            await hang_up(writer)


@pytest.mark.parametrize("trouble", [OwnPostgres.away, OwnPostgres.frozen])
async def test_without_its_database_a_server_is_gone_in_time_and_the_next_one_ends_the_reply(
    own: OwnPostgres | None, command: Command, tmp_path: Path, trouble: Trouble
) -> None:
    if own is None:
        pytest.skip("It is about Postgres.")
    url = own.databases.fresh(tmp_path)
    async with upstream(tokens=5000, gap_seconds=GAP_SECONDS) as fake:
        with command.serving(OPENAI_BASE_URL=fake.url, DATABASE_URL=url, DRAIN_SECONDS="1") as server:
            async with somebody(server) as client, client.stream("POST", "/api/chat", json={"message": "Go"}) as reply:
                seen = await until_words(events_of(reply))
                with trouble(own):
                    code, seconds = await asyncio.to_thread(server.terminate)
        with command.serving(OPENAI_BASE_URL=fake.url, DATABASE_URL=url) as server:
            ended = await ending_of(server, client, seen[0].data["streamId"])

    assert code == 0, server.log.read_text()
    assert (ended.name, ended.data["code"]) == ("error", "interrupted")
    figure(f"S10: its database being {trouble.__name__}, a worker with 1 s to stop is gone after", seconds, 3, "s")
    assert await differences(url) == []


async def ending_of(server: Server, client: httpx2.AsyncClient, stream_id: str) -> Event:
    """By a new server, which also finds out first that the one before it is dead."""
    async with (
        httpx2.AsyncClient(base_url=server.url, headers=client.headers, timeout=WAIT_SECONDS_MAX) as again,
        again.stream("GET", f"/api/chat/streams/{stream_id}") as rejoined,
    ):
        return (await read_all(rejoined))[-1]


async def require_it_can_be_taken_up(server: Server, client: httpx2.AsyncClient, seen: list[Event]) -> None:
    meta = seen[0].data
    async with httpx2.AsyncClient(base_url=server.url, headers=client.headers, timeout=WAIT_SECONDS_MAX) as again:
        async with again.stream("GET", f"/api/chat/streams/{meta['streamId']}?after=2") as rejoined:
            assert await read_all(rejoined, first=3) == seen[3:]
        messages = await again.get(f"/api/conversations/{meta['conversationId']}/messages")
        reply = messages.json()["messages"][-1]
        assert (reply["status"], reply["content"]) == ("interrupted", text_of(seen))
        asked = {"conversationId": meta["conversationId"], "parentId": meta["messageId"], "continue": True}
        answer = await again.post("/api/chat", json={**asked, "maxTokens": 20}, headers={"Accept": "application/json"})
        assert answer.json()["messageId"] == meta["messageId"]
        assert answer.json()["usage"]["promptTokens"] == 0
