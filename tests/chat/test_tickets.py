"""A ticket: one stream, for a minute, in an address, for who cannot send headers."""

from __future__ import annotations

import httpx2

from tests.chat.callers import EVENTS, STREAMS, Caller, only, raw
from tests.chat.strict import read_all
from tests.fakes.clock import FakeClock
from tests.waiting import WAIT_SECONDS_MAX


async def ticket_for(caller: Caller, stream_id: str) -> str:
    answer = await caller.http.post(f"{STREAMS}/{stream_id}/ticket")
    assert answer.status_code == 200
    body = answer.json()
    assert body["url"] == f"{STREAMS}/{stream_id}?ticket={body['ticket']}"
    assert body["expiresInSeconds"] == 60
    return str(body["url"])


def stranger(caller: Caller) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=str(caller.http.base_url), headers=EVENTS, timeout=WAIT_SECONDS_MAX)


async def test_a_ticket_opens_its_stream_and_lets_a_reader_come_back(caller: Caller) -> None:
    whole = await caller.ask()
    url = await ticket_for(caller, only(whole, "meta")["streamId"])

    async with stranger(caller) as http:
        async with http.stream("GET", url) as response:
            events = await read_all(response)
        rest = await http.get(url, headers={"Last-Event-ID": "3"})
        nothing = await http.get(url, headers={"Last-Event-ID": str(whole[-1].id)})

    assert raw(events) == raw(whole)
    assert rest.content == raw(whole[4:])
    assert nothing.status_code == 204


async def test_a_ticket_is_good_for_a_minute(caller: Caller, clock: FakeClock) -> None:
    url = await ticket_for(caller, only(await caller.ask(), "meta")["streamId"])

    async with stranger(caller) as http:
        clock.advance(seconds=58)
        in_time = await http.get(url)
        clock.advance(seconds=3)
        too_late = await http.get(url)

    assert (in_time.status_code, too_late.status_code) == (200, 401)


async def test_a_ticket_opens_nothing_else(caller: Caller) -> None:
    mine, another = [only(await caller.ask(), "meta")["streamId"] for _ in range(2)]
    ticket = (await ticket_for(caller, mine)).partition("=")[2]
    query = {"ticket": ticket}

    async with stranger(caller) as http:
        tried = [
            await http.get(f"{STREAMS}/{another}", params=query),
            await http.delete(f"{STREAMS}/{mine}", params=query),
            await http.post(f"{STREAMS}/{mine}/ticket", params=query),
            await http.get(STREAMS, params=query),
            await http.get("/api/auth/me", params=query),
            await http.get("/api/auth/me", headers={"Authorization": f"Bearer {ticket}"}),
            await http.get(f"{STREAMS}/{mine}", params={"ticket": caller.person.token}),
            await http.get(f"{STREAMS}/{mine}", params={"ticket": ""}),
        ]

    assert [answer.status_code for answer in tried] == [401] * len(tried)


async def test_a_ticket_is_worth_nothing_after_signing_out(caller: Caller) -> None:
    url = await ticket_for(caller, only(await caller.ask(), "meta")["streamId"])
    await caller.http.post("/api/auth/logout")

    async with stranger(caller) as http:
        assert (await http.get(url)).status_code == 401
