"""People and scripts that chat, over a real socket. Every stream they read to its end is held to the grammar."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.applications import Starlette

from tests.chat.strict import Event, read_all
from tests.conftest import Person
from tests.declared import DeclaredErrors
from tests.waiting import WAIT_SECONDS_MAX

URL, STREAMS = "/api/chat", "/api/chat/streams"
EVENTS = {"Accept": "text/event-stream"}
JSON = {"Accept": "application/json"}
TEXT = {"Accept": "text/plain"}
ASYNC = {"Prefer": "respond-async"}
PASSWORD = "correct horse battery"
# Nobody shows a certificate on loopback, and to read those of all authorities takes 20 ms a client.
UNENCRYPTED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
UNLIMITED = httpx2.Limits(max_connections=None, max_keepalive_connections=20)


@asynccontextmanager
async def calling(url: str, person: Person, app: Starlette | None = None) -> AsyncIterator[Caller]:
    """With the app at hand, every error that is met is held against the route table."""
    async with httpx2.AsyncClient(
        base_url=url,
        headers=person.headers,
        timeout=WAIT_SECONDS_MAX,
        limits=UNLIMITED,
        verify=UNENCRYPTED,
        event_hooks={"response": [DeclaredErrors(app).check]} if app else {},
    ) as http:
        yield Caller(http, person)


async def newcomer(url: str, email: str = "ann@example.com") -> Person:
    async with httpx2.AsyncClient(base_url=url, timeout=WAIT_SECONDS_MAX, verify=UNENCRYPTED) as http:
        answer = await http.post("/api/auth/register", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        body = answer.json()
        return Person(body["user"]["id"], email, PASSWORD, body["token"])


@dataclass
class Caller:
    http: httpx2.AsyncClient
    person: Person

    @asynccontextmanager
    async def asking(
        self, message: str | None = "Hello", headers: dict[str, str] | None = None, **body: Any
    ) -> AsyncIterator[httpx2.Response]:
        """The reply as it comes."""
        said = {"message": message} if message is not None else {}
        async with self.http.stream("POST", URL, json={**said, **body}, headers=headers or EVENTS) as response:
            yield response

    async def ask(self, message: str | None = "Hello", **body: Any) -> list[Event]:
        """The whole reply."""
        async with self.asking(message, **body) as response:
            assert response.status_code == 200, await response.aread()
            return await read_all(response)

    async def post(
        self, message: str | None = "Hello", headers: dict[str, str] | None = None, **body: Any
    ) -> httpx2.Response:
        """For an answer that is one piece."""
        said = {"message": message} if message is not None else {}
        return await self.http.post(URL, json={**said, **body}, headers={**JSON, **(headers or {})})

    async def begin(self, message: str | None = "Hello", **body: Any) -> str:
        """A reply that nobody reads as yet; the id of its stream."""
        answer = await self.post(message, ASYNC, **body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["streamId"])

    @asynccontextmanager
    async def following(self, stream_id: str, after: int | None = None) -> AsyncIterator[httpx2.Response]:
        headers = {**EVENTS, **({"Last-Event-ID": str(after)} if after is not None else {})}
        async with self.http.stream("GET", f"{STREAMS}/{stream_id}", headers=headers) as response:
            yield response

    async def rejoin(self, stream_id: str, after: int | None = None) -> list[Event]:
        """Everything behind a position; nothing when it is over."""
        async with self.following(stream_id, after) as response:
            if response.status_code == 204:
                return []
            assert response.status_code == 200, await response.aread()
            return await read_all(response, first=0 if after is None else after + 1)

    async def stop(self, stream_id: str) -> dict[str, Any]:
        answer = await self.http.delete(f"{STREAMS}/{stream_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def balance(self) -> dict[str, Any]:
        return await self.get("/api/billing/balance")

    async def messages(self, conversation_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(f"/api/conversations/{conversation_id}/messages"))["messages"]
        return found


async def until(stream: AsyncIterator[Event], name: str, times: int = 1) -> list[Event]:
    """What is read up to the event of this name that comes as the `times`th."""
    seen: list[Event] = []
    async for event in stream:
        seen.append(event)
        times -= event.name == name
        if not times:
            return seen
    raise AssertionError(f"The stream ended without {name}: {seen}")


def raw(events: list[Event]) -> bytes:
    return b"".join(event.raw for event in events)


def only(events: list[Event], name: str) -> dict[str, Any]:
    found = [event.data for event in events if event.name == name]
    assert len(found) == 1, events
    return found[0]
