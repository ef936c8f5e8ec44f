"""S5: whoever comes back, and however often the same is asked, the provider is asked once."""

from __future__ import annotations

import asyncio

import pytest

from app.providers.provider import ProviderFailed
from app.services import Services
from app.settings import Settings
from tests.chat.callers import ASYNC, EVENTS, JSON, TEXT, URL, Caller, calling, newcomer, only, raw, until
from tests.chat.houses import house
from tests.chat.strict import events_of, read_all
from tests.fakes.clock import FakeClock
from tests.fakes.provider import ScriptedProvider
from tests.waiting import soon

AT_ONCE = 100
FORMS = {"events": EVENTS, "json": JSON, "text": TEXT, "async": {**JSON, **ASYNC}}
KEY = {"Idempotency-Key": "the-same"}


async def charges(services: Services) -> list[int]:
    async with services.db.read() as session:
        return [-row[0] for row in await session.rows("SELECT tokens FROM ledger_entries WHERE kind = 'usage'")]


async def test_a_hundred_readers_at_once_read_the_same_one_reply(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    provider.words, provider.gap_seconds = [f" {number}" for number in range(50)], 0.005
    stream_id = await caller.begin()

    read = await asyncio.gather(*(caller.rejoin(stream_id) for _ in range(AT_ONCE)))

    assert {raw(events) for events in read} == {raw(await caller.rejoin(stream_id))}
    assert len(provider.asked) == 1
    assert len(await charges(services)) == 1


async def test_rejoining_at_any_time_asks_nobody(
    settings: Settings, clock: FakeClock, provider: ScriptedProvider
) -> None:
    provider.words, provider.pause_before = [" word"] * 9, 5
    async with house(settings, clock, provider) as (url, app):
        ann = await newcomer(url)
        async with calling(url, ann) as caller:
            stream_id = await caller.begin()
            async with caller.following(stream_id) as response:
                await until(events_of(response), "answer", 5)
            middle = asyncio.create_task(caller.rejoin(stream_id, 4))
            provider.go_on.set()
            whole = await caller.rejoin(stream_id)
            assert raw(await middle) == raw(whole[5:])
            clock.advance(seconds=601)
            await caller.rejoin(stream_id)
    async with house(settings, clock, provider) as (url, app), calling(url, ann) as caller:
        await caller.rejoin(stream_id)
        assert raw(await caller.rejoin(stream_id, 4)) == raw(whole[5:])
        assert await charges(app.state.services) == [only(whole, "usage")["tokensUsed"]]

    assert len(provider.asked) == 1


@pytest.mark.parametrize("form", FORMS)
async def test_the_same_key_again_is_the_same_reply(
    caller: Caller, provider: ScriptedProvider, services: Services, form: str
) -> None:
    headers = {**FORMS[form], **KEY}

    first, second = [await caller.http.post(URL, json={"message": "Hello"}, headers=headers) for _ in range(2)]

    assert first.status_code == second.status_code == (202 if form == "async" else 200)
    assert first.content == second.content
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert first.headers["x-stream-id"] == second.headers["x-stream-id"]
    await caller.rejoin(first.headers["x-stream-id"])
    assert len(provider.asked) == len(await charges(services)) == 1


@pytest.mark.parametrize("form", FORMS)
async def test_a_failure_is_marked_as_one_that_came_before(
    caller: Caller, provider: ScriptedProvider, form: str
) -> None:
    provider.fail_before, provider.failure = 0, ProviderFailed()
    headers = {**FORMS[form], **KEY}
    first = await caller.http.post(URL, json={"message": "Hello"}, headers=headers)
    await caller.rejoin(first.headers["x-stream-id"])

    second = await caller.http.post(URL, json={"message": "Hello"}, headers=headers)

    assert first.status_code == second.status_code
    assert [answer.headers.get("idempotency-replayed") for answer in (first, second)] == [None, "true"]
    assert first.headers["x-stream-id"] == second.headers["x-stream-id"]
    assert len(provider.asked) == 1


@pytest.mark.parametrize("form", FORMS)
async def test_a_hundred_of_the_same_key_at_once_are_one_reply(
    caller: Caller, provider: ScriptedProvider, services: Services, form: str
) -> None:
    provider.gap_seconds = 0.05
    headers = {**FORMS[form], **KEY}

    answers = await asyncio.gather(
        *(caller.http.post(URL, json={"message": "Hello"}, headers=headers) for _ in range(AT_ONCE))
    )

    assert {answer.status_code for answer in answers} == {202 if form == "async" else 200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == AT_ONCE - 1
    await caller.rejoin(answers[0].headers["x-stream-id"])
    assert len(provider.asked) == len(await charges(services)) == 1


async def test_each_of_a_hundred_of_the_same_key_reads_along(caller: Caller, provider: ScriptedProvider) -> None:
    """Nobody is left waiting for the end because the reply was begun at the very moment that it was looked for."""
    provider.pause_before = 2
    heard = asyncio.Semaphore(0)

    async def read() -> bytes:
        async with caller.asking(headers={**EVENTS, **KEY}) as response:
            stream = events_of(response)
            seen = await until(stream, "answer", 2)
            heard.release()
            return raw(seen + [event async for event in stream])

    reading = [asyncio.create_task(read()) for _ in range(AT_ONCE)]
    async with soon():
        for _ in reading:
            await heard.acquire()
    provider.go_on.set()

    assert len(set(await asyncio.gather(*reading))) == 1


async def test_a_reply_that_is_written_down_and_about_to_run_is_read_live(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    """The moment between its commit and its first step, held open by hand."""
    provider.pause_before = 1
    stream_id = await caller.begin()
    turn = services.turns.running.pop(stream_id)

    finding = asyncio.create_task(services.readings.find(caller.person.id, stream_id))
    await asyncio.wait([finding], timeout=0.2)
    services.turns.running[stream_id] = turn
    reading = await finding
    provider.go_on.set()
    await caller.rejoin(stream_id)

    assert reading.turn is turn


async def test_the_same_key_may_come_back_in_another_form(caller: Caller, provider: ScriptedProvider) -> None:
    events = await caller.http.post(URL, json={"message": "Hello"}, headers={**EVENTS, **KEY})

    as_json = await caller.http.post(URL, json={"message": "Hello"}, headers={**JSON, **KEY})

    assert as_json.headers["x-stream-id"] == events.headers["x-stream-id"]
    assert as_json.json()["content"] == "Hello, you."
    assert len(provider.asked) == 1


async def test_the_same_key_joins_a_reply_that_still_runs(caller: Caller, provider: ScriptedProvider) -> None:
    provider.pause_before = 1
    async with caller.asking(headers={**EVENTS, **KEY}) as response:
        stream = events_of(response)
        seen = await until(stream, "answer")
        async with caller.asking(headers={**EVENTS, **KEY}) as again:
            provider.go_on.set()
            second = await read_all(again)
        seen += [event async for event in stream]

    assert raw(second) == raw(seen)
    assert len(provider.asked) == 1


async def test_the_same_key_for_another_request_is_409(caller: Caller, provider: ScriptedProvider) -> None:
    await caller.http.post(URL, json={"message": "Hello"}, headers={**JSON, **KEY})

    other = await caller.http.post(URL, json={"message": "Hello!"}, headers={**JSON, **KEY})

    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(provider.asked) == 1


async def test_a_key_belongs_to_its_user(caller: Caller, provider: ScriptedProvider) -> None:
    bob = await newcomer(str(caller.http.base_url), "bob@example.com")
    mine = await caller.http.post(URL, json={"message": "Hello"}, headers={**JSON, **KEY})

    async with calling(str(caller.http.base_url), bob) as other:
        theirs = await other.http.post(URL, json={"message": "Hello"}, headers={**JSON, **KEY})

    assert "idempotency-replayed" not in theirs.headers
    assert theirs.json()["messageId"] != mine.json()["messageId"]


async def test_what_was_refused_may_be_tried_again_with_its_key(caller: Caller, provider: ScriptedProvider) -> None:
    refused = await caller.http.post(URL, json={"message": "Hello", "model": "none"}, headers={**JSON, **KEY})

    done = await caller.http.post(URL, json={"message": "Hello"}, headers={**JSON, **KEY})

    assert (refused.status_code, done.status_code) == (422, 200)


@pytest.mark.parametrize("key", ["", "x" * 129, "with space", "ü".encode()])
async def test_a_key_that_is_none_is_refused(caller: Caller, key: str | bytes) -> None:
    value = key if isinstance(key, bytes) else key.encode()
    answer = await caller.http.post(
        URL, json={"message": "Hello"}, headers=[(b"Accept", b"application/json"), (b"Idempotency-Key", value)]
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
