"""The model names a new conversation behind everybody's back: nobody waits, nobody pays, and the owner's name stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from app.chat.titles import AT_ONCE_MAX, Titles, cleaned
from app.providers.provider import Ask, Finished, Hear, Part, ProviderFailed, Words
from app.services import Services
from app.settings import Settings
from tests.chat.callers import Caller
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider, tell
from tests.waiting import eventually

QUESTION = "What do herons eat, and when do they eat it?"


@dataclass
class Naming(ScriptedProvider):
    """Gives titles beside its replies, once the test lets it."""

    title: str = "What herons eat"
    trouble: Exception | None = None
    wanted: list[Ask] = field(default_factory=list)
    may_name: asyncio.Event = field(default_factory=asyncio.Event)
    naming: int = 0
    naming_most: int = 0

    async def reply(self, ask: Ask, hear: Hear) -> None:
        if ask.messages[0].role == "system":
            await tell(self._name(ask), hear)
        else:
            await super().reply(ask, hear)

    async def _name(self, ask: Ask) -> AsyncGenerator[Part, None]:
        self.wanted.append(ask)
        self.naming += 1
        self.naming_most = max(self.naming_most, self.naming)
        try:
            await self.may_name.wait()
            if self.trouble is not None:
                raise self.trouble
            for word in self.title:
                yield Words([word])
            yield Finished("stop")
        finally:
            self.naming -= 1


@pytest.fixture
def provider() -> Naming:
    return Naming()


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, titles="auto")


async def title_of(caller: Caller, conversation_id: str) -> str:
    return str((await caller.get(f"/api/conversations/{conversation_id}"))["title"])


async def named(services: Services) -> None:
    await eventually(lambda: not services.titles.running)


def outcomes(services: Services) -> dict[str, float]:
    samples = next(iter(services.metrics.titles.collect())).samples
    return {sample.labels["outcome"]: sample.value for sample in samples if sample.name.endswith("_total")}


async def test_the_model_names_a_conversation_after_its_first_reply_at_the_house_s_cost(
    caller: Caller, provider: Naming, services: Services
) -> None:
    provider.may_name.set()

    events = await caller.ask(QUESTION)
    await named(services)

    conversation_id = events[0].data["conversationId"]
    assert await title_of(caller, conversation_id) == "What herons eat"
    charged = next(event.data["tokensUsed"] for event in events if event.name == "usage")
    assert (await caller.balance())["balance"] == 1000 - charged
    assert len((await caller.get("/api/billing/usage"))["usage"]) == 1
    assert outcomes(services) == {"named": 1}
    metrics = (await caller.http.get("/metrics")).text
    cost = next(line for line in metrics.splitlines() if line.startswith("prome_house_cost_micro_usd_total{"))
    assert cost.startswith('prome_house_cost_micro_usd_total{purpose="title"} ')
    assert float(cost.split()[-1]) > 2
    asked = provider.wanted[0]
    assert asked.upstream_model == "scripted-1"
    assert asked.messages[-1].content == f"Title for: {QUESTION}"


async def test_nobody_waits_for_a_title_and_few_are_made_at_once(
    caller: Caller, provider: Naming, services: Services
) -> None:
    """The titles are held back, and all replies come to their end all the same."""
    ids = [(await caller.ask(f"{number} herons"))[0].data["conversationId"] for number in range(5)]
    held = [await title_of(caller, one) for one in ids]
    provider.may_name.set()
    await named(services)

    assert held == [f"{number} herons" for number in range(5)]
    assert [await title_of(caller, one) for one in ids] == ["What herons eat"] * 5
    assert provider.naming_most == AT_ONCE_MAX


async def test_the_owner_s_own_title_stays(caller: Caller, provider: Naming, services: Services) -> None:
    conversation_id = (await caller.ask(QUESTION))[0].data["conversationId"]
    await eventually(lambda: provider.naming == 1)
    await caller.http.patch(f"/api/conversations/{conversation_id}", json={"title": "My birds"})
    provider.may_name.set()
    await named(services)

    assert await title_of(caller, conversation_id) == "My birds"
    assert outcomes(services) == {"too_late": 1}


@pytest.mark.parametrize(
    ("title", "trouble", "outcome"),
    [("", None, "no_good"), ("word " * 100, None, "no_good"), ("", ProviderFailed("away"), "failed"),
     ("", RuntimeError("a bug"), "failed")],
)  # fmt: skip
async def test_when_nothing_good_comes_of_it_the_first_words_stay(
    caller: Caller, provider: Naming, services: Services, title: str, trouble: Exception | None, outcome: str
) -> None:
    provider.title, provider.trouble = title, trouble
    provider.may_name.set()

    conversation_id = (await caller.ask(QUESTION))[0].data["conversationId"]
    await named(services)

    assert await title_of(caller, conversation_id) == QUESTION
    assert outcomes(services) == {outcome: 1}


async def test_a_title_that_takes_too_long_is_given_up(
    caller: Caller, provider: Naming, services: Services, settings: Settings
) -> None:
    its = services
    impatient = Titles(settings, its.clock, its.db, its.models, its.replies, its.metrics, seconds_max=0.05)
    provider.pause_before = 0
    stream_id = await caller.begin(QUESTION)
    turn = services.turns.running[stream_id]
    provider.go_on.set()
    await turn.over()
    await its.titles.close()

    impatient.after(turn)
    await eventually(lambda: not impatient.running)

    assert outcomes(services) == {"failed": 1}
    assert provider.naming == 0


async def test_only_a_first_reply_gives_a_title_and_another_one_gives_it_when_the_first_did_not(
    caller: Caller, provider: Naming, services: Services
) -> None:
    provider.may_name.set()
    provider.trouble = ProviderFailed("away")
    first = (await caller.ask(QUESTION))[0].data
    await named(services)
    await caller.ask("And herons at night?", conversationId=first["conversationId"])
    await named(services)
    asked_before = len(provider.wanted)
    provider.trouble = None
    await caller.ask(None, conversationId=first["conversationId"], parentId=first["userMessageId"], regenerate=True)
    await named(services)

    assert asked_before == 1
    assert await title_of(caller, first["conversationId"]) == "What herons eat"


async def test_a_reply_that_failed_or_was_stopped_gives_no_title(
    caller: Caller, provider: Naming, services: Services
) -> None:
    provider.fail_before, provider.failure = 1, ProviderFailed("away")
    await caller.ask(QUESTION)
    provider.fail_before, provider.pause_before = None, 1
    stream_id = await caller.begin(QUESTION)
    await provider.paused.wait()
    await caller.stop(stream_id)
    await named(services)

    assert provider.wanted == []


async def test_a_server_that_is_being_stopped_begins_no_title_and_leaves_none_behind(
    caller: Caller, provider: Naming, services: Services
) -> None:
    await caller.ask(QUESTION)
    await eventually(lambda: provider.naming == 1)
    provider.pause_before = 1
    stream_id = await caller.begin(QUESTION)
    await provider.paused.wait()
    turn = services.turns.running[stream_id]
    draining = asyncio.create_task(services.turns.drain(10))
    await eventually(lambda: services.turns.draining)
    provider.go_on.set()
    await draining
    await services.titles.close()

    assert turn.ending is not None
    assert turn.ending.state == "done"
    assert len(provider.wanted) == 1
    assert provider.naming == 0


class TestSwitchedOff:
    @pytest.fixture
    def settings(self, database_url: str) -> Settings:
        return settings_for(database_url, titles="off")

    async def test_without_titles_the_first_words_stay(
        self, caller: Caller, provider: Naming, services: Services
    ) -> None:
        provider.may_name.set()

        conversation_id = (await caller.ask(QUESTION))[0].data["conversationId"]
        await named(services)

        assert await title_of(caller, conversation_id) == QUESTION
        assert provider.wanted == []


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("What herons eat", "What herons eat"),
        ('  "What herons eat."\n\nI chose this because', "What herons eat"),
        ("\n\n# **What** `herons` eat", "What herons eat"),
        ("Title: “What herons eat”", "What herons eat"),
        ("**Title:** What herons eat", "What herons eat"),
        ("- [What herons eat](https://elsewhere.example)", "What herons eat"),
        ("1. What\therons\u202e  eat\x07", "What herons eat"),
        ("What do herons eat?", "What do herons eat?"),
        ("C# and snake_case, a - b", "C# and snake_case, a - b"),
        ("「鷺は何を食べるか」", "鷺は何を食べるか"),
        ("👩\u200d👩\u200d👧 می\u200cشود", "👩\u200d👩\u200d👧 می\u200cشود"),
        ("x" * 80, "x" * 80),
        ("x" * 81, None),
        (" ".join("abcdefghij"), "a b c d e f g h i j"),
        (" ".join("abcdefghijk"), None),
        ("", None),
        ("```\n---\n", None),
        ('""', None),
        ("<think>The user wants to know", None),
    ],
)
def test_a_title_is_one_line_of_plain_words_or_none(said: str, title: str | None) -> None:
    assert cleaned(said) == title
