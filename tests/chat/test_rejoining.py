"""S2: a cut anywhere loses nothing and repeats nothing."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from starlette.applications import Starlette

from app.settings import Settings
from tests.chat.callers import STREAMS, Caller, calling, newcomer, only, raw, until
from tests.chat.houses import house
from tests.chat.strict import Event, Parser, events_of, require_grammar, text_of
from tests.conftest import settings_for
from tests.fakes.clock import FakeClock
from tests.fakes.provider import ScriptedProvider
from tests.figures import figure

WORDS = [f" word{number}" + ("\n🦊" if number % 7 == 0 else "") for number in range(296)]
EVENTS_IN_ALL = 300
AT_ONCE = 30
RANDOM_READERS = 30
FIRST_BYTE_MS_MAX = 200


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, welcome_tokens=100_000)


@pytest.fixture(autouse=True)
def long_answer(provider: ScriptedProvider) -> None:
    provider.words = WORDS


async def rests(caller: Caller, stream_id: str, positions: list[int | None]) -> list[list[Event]]:
    """What comes behind each of these positions."""
    found: list[list[Event]] = []
    for start in range(0, len(positions), AT_ONCE):
        some = positions[start : start + AT_ONCE]
        found += await asyncio.gather(*(caller.rejoin(stream_id, after) for after in some))
    return found


def behind(whole: list[Event]) -> list[bytes]:
    return [raw(whole[number + 1 :]) for number in range(len(whole))]


@pytest.mark.either_engine
async def test_after_its_end_every_position_gets_the_very_same_rest(caller: Caller) -> None:
    whole = await caller.ask()
    assert len(whole) == EVENTS_IN_ALL
    stream_id = only(whole, "meta")["streamId"]

    found = await rests(caller, stream_id, list(range(EVENTS_IN_ALL)))

    assert [raw(rest) for rest in found] == behind(whole)
    assert raw(await caller.rejoin(stream_id)) == raw(whole)


@pytest.mark.either_engine
async def test_while_it_runs_every_position_gets_the_very_same_rest(caller: Caller, provider: ScriptedProvider) -> None:
    """Half of the readers come while only part of it is said; all of them stay to the end."""
    provider.pause_before = 150
    async with caller.asking() as response:
        stream = events_of(response)
        seen = await until(stream, "answer", 150)
        stream_id = seen[0].data["streamId"]
        readers = [asyncio.create_task(caller.rejoin(stream_id, number)) for number in (None, *range(151))]
        provider.go_on.set()
        seen += [event async for event in stream]
    found = await asyncio.gather(*readers)

    require_grammar(seen)
    assert [raw(rest) for rest in found] == [raw(seen), *behind(seen)[:151]]


async def test_a_position_that_is_not_there_yet_is_refused(caller: Caller, provider: ScriptedProvider) -> None:
    provider.pause_before = 3
    async with caller.asking() as response:
        stream = events_of(response)
        stream_id = (await until(stream, "answer", 3))[0].data["streamId"]

        ahead = await caller.http.get(f"{STREAMS}/{stream_id}?after=4")
        by_header = await caller.http.get(f"{STREAMS}/{stream_id}", headers={"Last-Event-ID": "4"})
        provider.go_on.set()
        await until(stream, "done")

    assert (ahead.status_code, ahead.json()["code"]) == (422, "invalid_request")
    assert [each.json()["fields"][0]["field"] for each in (ahead, by_header)] == ["after", "Last-Event-ID"]


async def test_long_after_its_end_every_position_still_gets_the_very_same_rest(
    caller: Caller, clock: FakeClock
) -> None:
    whole = await caller.ask()
    stream_id = only(whole, "meta")["streamId"]
    clock.advance(seconds=601)

    found = await rests(caller, stream_id, list(range(EVENTS_IN_ALL)))

    assert [raw(rest) for rest in found] == behind(whole)


async def test_long_after_its_end_a_new_reader_gets_the_short_form(caller: Caller, clock: FakeClock) -> None:
    whole = await caller.ask()
    stream_id = only(whole, "meta")["streamId"]
    clock.advance(seconds=601)

    short = await caller.rejoin(stream_id)

    assert [event.name for event in short] == ["meta", "answer", "usage", "done"]
    assert text_of(short) == text_of(whole)
    assert [only(short, name) for name in ("meta", "usage", "done")] == [
        only(whole, name) for name in ("meta", "usage", "done")
    ]
    for event in short:
        assert raw(await caller.rejoin(stream_id, event.id)) == raw(short[event.id + 1 :])


async def test_after_a_restart_every_position_gets_the_very_same_rest(
    settings: Settings, clock: FakeClock, provider: ScriptedProvider
) -> None:
    async with house(settings, clock, provider) as (url, _):
        ann = await newcomer(url)
        async with calling(url, ann) as caller:
            whole = await caller.ask()
    stream_id = only(whole, "meta")["streamId"]

    async with house(settings, clock, provider) as (url, _), calling(url, ann) as caller:
        found = await rests(caller, stream_id, [None, *range(EVENTS_IN_ALL)])

    assert [raw(rest) for rest in found] == [raw(whole), *behind(whole)]
    assert len(provider.asked) == 1


async def cut_and_come_back(caller: Caller, luck: random.Random, stream_id: str) -> tuple[list[Event], list[float]]:
    """Reads some bytes, is cut off wherever that is, and comes back for the rest; up to five times."""
    seen: list[Event] = []
    first_bytes = []
    for cut in range(luck.randint(1, 5), -1, -1):
        limit = luck.randrange(1, 8_000) if cut else 10**9
        parser, began = Parser(), time.monotonic()
        async with caller.following(stream_id, seen[-1].id if seen else None) as response:
            if response.status_code == 204:
                break
            async for data in response.aiter_raw():
                first_bytes.append(time.monotonic() - began)
                seen += parser.feed(data[:limit])
                limit -= len(data)
                if limit <= 0:
                    break
    return seen, first_bytes


@pytest.mark.either_engine
async def test_cuts_at_any_byte_while_it_is_written_make_no_difference(
    caller: Caller, provider: ScriptedProvider
) -> None:
    provider.gap_seconds = 0.002
    stream_id = await caller.begin()

    read = await asyncio.gather(
        *(cut_and_come_back(caller, random.Random(seed), stream_id) for seed in range(RANDOM_READERS))
    )

    whole = await caller.rejoin(stream_id)
    for seen, _ in read:
        require_grammar(seen)
    assert {raw(seen) for seen, _ in read} == {raw(whole)}
    times = sorted(seconds * 1000 for _, times in read for seconds in times[:1])
    p95 = times[int(len(times) * 0.95)]
    figure(f"S2: the first byte after a rejoin, p95, {RANDOM_READERS} at once", p95, FIRST_BYTE_MS_MAX, "ms")


async def test_who_has_seen_everything_is_told_to_stay_away(caller: Caller, clock: FakeClock) -> None:
    whole = await caller.ask()
    stream_id = only(whole, "meta")["streamId"]

    soon = [await caller.http.get(f"{STREAMS}/{stream_id}", params={"after": after}) for after in (299, 300, 10_000)]
    clock.advance(hours=1)
    late = await caller.http.get(f"{STREAMS}/{stream_id}", headers={"Last-Event-ID": "299"})

    assert [answer.status_code for answer in (*soon, late)] == [204] * 4
    assert late.headers["cache-control"] == "no-store"


async def test_the_header_counts_and_not_the_address(caller: Caller) -> None:
    """EventSource keeps the address it began with, and says in the header where it is."""
    whole = await caller.ask()
    url = f"{STREAMS}/{only(whole, 'meta')['streamId']}"

    by_both = await caller.http.get(f"{url}?after=5", headers={"Last-Event-ID": "290"})
    by_query = await caller.http.get(f"{url}?after=290")
    from_the_start = [
        await caller.http.get(f"{url}?after=-1"),
        await caller.http.get(url, headers={"Last-Event-ID": ""}),
    ]

    assert by_both.content == by_query.content == raw(whole[291:])
    assert [answer.content for answer in from_the_start] == [raw(whole)] * 2


@pytest.mark.parametrize("odd", ["x", "-1", "1.5", "²", "٣", "1 2", "9" * 19, "0x1"])
async def test_an_id_that_is_none_of_ours_is_refused(caller: Caller, odd: str) -> None:
    stream_id = only(await caller.ask(), "meta")["streamId"]

    in_header = await caller.http.get(f"{STREAMS}/{stream_id}", headers=[(b"Last-Event-ID", odd.encode())])
    in_query = await caller.http.get(f"{STREAMS}/{stream_id}", params={"after": f"{odd}e"})

    assert [(each.status_code, each.json()["code"]) for each in (in_header, in_query)] == [(422, "invalid_request")] * 2


async def test_a_stream_of_somebody_else_is_not_there(caller: Caller, app: Starlette, register: object) -> None:
    stream_id = only(await caller.ask(), "meta")["streamId"]
    bob = await register("bob@example.com")  # type: ignore[operator]

    async with calling(str(caller.http.base_url), bob, app) as other:
        theirs = [await other.http.request(method, f"{STREAMS}/{stream_id}") for method in ("GET", "DELETE")]
        theirs.append(await other.http.post(f"{STREAMS}/{stream_id}/ticket"))
        made_up = await other.http.get(f"{STREAMS}/str_0")

    bodies = [{**answer.json(), "requestId": ""} for answer in (*theirs, made_up)]
    assert [answer.status_code for answer in (*theirs, made_up)] == [404] * 4
    assert bodies == [bodies[0]] * 4
