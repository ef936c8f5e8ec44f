"""S1: whatever a model says is told, kept and told again without a difference."""

from __future__ import annotations

import asyncio
import random

import pytest

from app.chat import events
from app.providers.provider import Ask
from app.services import Services
from app.settings import Settings
from tests.chat.callers import Caller, only, raw
from tests.chat.strict import Parser, require_grammar, text_of
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider
from tests.figures import DEEP

DEEPER = 10 if DEEP else 1
TEXTS, OVER_SOCKETS, AT_ONCE = 10_000 * DEEPER, 300 * DEEPER, 30
NASTY = [
    *("\n", "\r", "\r\n", "\n\n", "\r\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\ufeff", "\ufffd", "\u200b"),
    *("data: x\n\n", "\n\nevent: done\ndata: {}\n\n", "id: 99\n", "\nevent: error\n", ": comment\n\n", "retry: 1\n"),
    *('"', "\\", "\\u0000", "</script>", "{", "}", "null", "[DONE]", "🦊", "👨‍👩‍👧‍👦", "東京", "e\u0301", "\U0010ffff"),
    *("\x01", "\x1b[31m", "\x7f", "\t", " ", "a", "<|endoftext|>", "\ud7ff", "\ue000", "\uffff"),
]
NUL = "\x00"


def text(luck: random.Random, *more: str) -> str:
    return "".join(luck.choice([*NASTY, *more]) for _ in range(luck.randint(1, 12)))


def pieces(luck: random.Random, data: bytes) -> list[bytes]:
    """The bytes as some network may cut them."""
    cuts = sorted(luck.randrange(len(data) + 1) for _ in range(luck.randint(0, 6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, welcome_tokens=10_000_000, turns_per_user_max=AT_ONCE)


def test_ten_thousand_texts_come_out_of_the_frames_as_they_went_in() -> None:
    luck = random.Random(1)
    for number in range(TEXTS):
        said = [text(luck, NUL) for _ in range(luck.randint(1, 4))]
        frames = [
            events.from_text(0, "meta", "{}"),
            *(events.answer(place, words) for place, words in enumerate(said, 1)),
            events.last_answer(len(said) + 1),
            events.from_text(len(said) + 2, "usage", "{}"),
            events.done(len(said) + 3, "cnv", "msg", "stop"),
        ]
        parser = Parser()

        found = [event for part in pieces(luck, b"".join(frames)) for event in parser.feed(part)]

        assert parser.rest == b""
        require_grammar(found)
        assert text_of(found) == "".join(said), f"text {number}"
        assert [event.raw for event in found] == frames


def test_the_whole_answer_of_the_short_form_is_as_safe() -> None:
    luck = random.Random(2)
    for _ in range(TEXTS // 10):
        said = text(luck, NUL)

        (found,) = Parser().feed(events.whole_answer(1, said))

        assert found.data == {"content": said, "finished": True}


async def test_hundreds_of_texts_pass_through_the_house_and_stay(
    caller: Caller, provider: ScriptedProvider, services: Services
) -> None:
    luck = random.Random(3)
    scripts = [[text(luck) for _ in range(luck.randint(1, 6))] for _ in range(OVER_SOCKETS)]
    provider.answer = lambda ask: scripts[int(ask.messages[-1].content)]

    for start in range(0, OVER_SOCKETS, AT_ONCE):
        some = range(start, min(start + AT_ONCE, OVER_SOCKETS))
        for number, told in zip(some, await asyncio.gather(*(caller.ask(str(number)) for number in some)), strict=True):
            meta = only(told, "meta")
            assert text_of(told) == "".join(scripts[number])
            assert raw(await caller.rejoin(meta["streamId"])) == raw(told)
            kept = (await caller.messages(meta["conversationId"]))[-1]
            assert kept["content"] == "".join(scripts[number])


@pytest.mark.parametrize("odd", ["half \ud83d", "\udc00", "a\ud83d\ud83db"])
async def test_what_is_no_text_breaks_the_reply_and_nothing_else(
    caller: Caller, provider: ScriptedProvider, odd: str
) -> None:
    """Providers mend lone surrogates; one that does not loses its own reply, and what came before stays."""
    provider.words = ["Good so far", odd, " and on"]

    told = await caller.ask()

    assert text_of(told) == "Good so far"
    assert only(told, "error")["code"] == "internal_error"
    assert raw(await caller.rejoin(only(told, "meta")["streamId"])) == raw(told)
    provider.words = ["Fine"]
    assert text_of(await caller.ask()) == "Fine"


@pytest.mark.parametrize("said", ["\r\n\r\nevent: done", "🦊\u2028\ufeff", "id: 0\ndata: {}"])
async def test_what_a_person_says_comes_to_the_model_and_back(
    caller: Caller, provider: ScriptedProvider, said: str
) -> None:
    heard: list[str] = []

    def echo(ask: Ask) -> list[str]:
        heard.append(ask.messages[-1].content)
        return [ask.messages[-1].content]

    provider.answer = echo

    told = await caller.ask(f"x{said}x")

    assert heard == [text_of(told)] == [f"x{said}x"]
    assert b"\r" not in raw(told)
    title = (await caller.get(f"/api/conversations/{only(told, 'meta')['conversationId']}"))["title"]
    assert "\n" not in title


def test_the_parser_of_these_tests_is_strict() -> None:
    good = events.answer(1, "x")
    for bad in (good.replace(b"id", b"ID"), good.replace(b"data: ", b"data:"), good.replace(b"\nevent", b"\r\nevent")):
        with pytest.raises((AssertionError, ValueError)):
            Parser().feed(bad)
