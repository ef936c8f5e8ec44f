"""The built-in model itself, in its process: it answers, stops, dies and comes back, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from app.providers import assets
from app.providers.guards import Guards
from app.providers.local import REPLIES_MAX, LocalModel, lacking, local_from
from app.providers.provider import (
    Ask,
    Enough,
    Finished,
    Part,
    PromptMessage,
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    Reported,
    Words,
)
from tests.conftest import HOUSE, settings_for
from tests.edge.rows import asking, running
from tests.providers.model_process import children, cpu_seconds, is_alive, require_it_has_stopped
from tests.waiting import eventually

MODEL_FILE = HOUSE / "var" / assets.MODEL_FILE
WHY_NOT = lacking(settings_for("sqlite:///none.db"))
with_the_model = pytest.mark.skipif(bool(WHY_NOT), reason=f"the built-in model cannot run here: {WHY_NOT}")
pytestmark = pytest.mark.either_engine
# On a machine that does other things as well, it starts slowly and writes slowly.
GUARDS = Guards(first_content_seconds=60, progress_seconds=60)


def ask(words: str = "Tell me a long story about a fox.", max_tokens: int = 1000) -> Ask:
    return Ask("smollm2-135m-instruct", (PromptMessage("user", words),), max_tokens)


@pytest_asyncio.fixture
async def local() -> AsyncIterator[LocalModel]:
    model = LocalModel(MODEL_FILE, GUARDS)
    yield model
    await model.close()
    assert children() == []


async def whole(local: LocalModel, question: Ask) -> list[Part]:
    parts: list[Part] = []
    await local.reply(question, parts.append)
    return parts


async def begun(local: LocalModel, question: Ask, deltas: int = 3) -> list[Part]:
    """Leaves in the middle."""
    seen: list[Part] = []

    def hear(part: Part) -> None:
        seen.append(part)
        if len(seen) == deltas:
            raise Enough

    with suppress(Enough):
        await local.reply(question, hear)
    return seen


@with_the_model
async def test_it_answers_token_by_token_and_says_what_it_counted(local: LocalModel) -> None:
    parts = await whole(local, ask("What is a cookie? Answer in one sentence.", 12))

    spoken = [part for part in parts if isinstance(part, Words)]
    assert len(spoken) >= 5
    assert len("".join(text for words in spoken for text in words.texts).split()) >= 3
    reported, finished = parts[-2:]
    assert isinstance(reported, Reported)
    assert 10 < reported.prompt_tokens < 60
    assert 5 <= reported.completion_tokens <= 12
    assert isinstance(finished, Finished)
    assert finished.reason == "length"


@with_the_model
async def test_stopped_in_mid_reply_it_is_idle_and_answers_the_next(local: LocalModel) -> None:
    await begun(local, ask())
    (child,) = children()

    await require_it_has_stopped(child)

    assert len(await whole(local, ask("Hello", 4))) > 1
    assert [one.pid for one in children()] == [child.pid]


@with_the_model
async def test_stopped_while_it_reads_a_long_prompt_it_is_idle_soon(local: LocalModel) -> None:
    await local.warm_up()
    (child,) = children()
    before = cpu_seconds(child)
    asking_at_length = asyncio.create_task(whole(local, ask("The fox is red. " * 1200, 16)))
    await eventually(lambda: cpu_seconds(child) > before + 0.2)

    asking_at_length.cancel()

    await require_it_has_stopped(child)


@with_the_model
async def test_many_who_ask_at_once_start_it_once_and_one_who_leaves_harms_nobody(local: LocalModel) -> None:
    asks = [asyncio.create_task(whole(local, ask("Hello", 4))) for _ in range(4)]
    await eventually(lambda: len(children()) == 1)

    asks[0].cancel()
    answers = await asyncio.gather(*asks[1:])

    assert [isinstance(parts[-1], Finished) for parts in answers] == [True, True, True]
    assert len(children()) == 1


@with_the_model
async def test_who_comes_when_all_places_are_taken_is_told_to_come_again(local: LocalModel) -> None:
    asks = [asyncio.create_task(whole(local, ask("Hello", 16))) for _ in range(REPLIES_MAX + 1)]

    ended = await asyncio.gather(*asks, return_exceptions=True)

    (busy,) = [end for end in ended if isinstance(end, BaseException)]
    assert isinstance(busy, ProviderBusy)
    assert (busy.status, busy.headers, busy.provider_is_ill) == (503, {"Retry-After": "10"}, False)
    assert len(await whole(local, ask("Hello", 4))) > 1


@with_the_model
async def test_killed_in_mid_reply_it_fails_that_reply_and_comes_back(local: LocalModel) -> None:
    seen: list[Part] = []
    reading = asyncio.create_task(local.reply(ask(), seen.append))
    await eventually(lambda: len(seen) > 2)
    (killed,) = children()
    killed.kill()

    with pytest.raises(ProviderFailed):
        await reading
    assert len(await whole(local, ask("Hello", 4))) > 1
    assert [child.pid != killed.pid for child in children()] == [True]


@with_the_model
async def test_killed_while_nobody_asks_it_is_back_for_the_next_question(local: LocalModel) -> None:
    await whole(local, ask("Hello", 4))
    (killed,) = children()

    killed.kill()

    assert len(await whole(local, ask("Hello", 4))) > 1
    assert [child.pid != killed.pid for child in children()] == [True]


@with_the_model
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_all_processes_does_not_break_a_reply_off(local: LocalModel, signum: signal.Signals) -> None:
    await local.warm_up()
    (child,) = children()
    asking_now = asyncio.create_task(whole(local, ask("Hello", 24)))

    child.send_signal(signum)

    assert isinstance((await asking_now)[-1], Finished)


@with_the_model
async def test_a_conversation_beyond_its_memory_is_refused(local: LocalModel) -> None:
    with pytest.raises(ProviderRefused):
        await whole(local, ask("fox " * 9000, 16))


@with_the_model
def test_killed_with_minus_nine_its_parent_leaves_no_child() -> None:
    program = f"""
import asyncio
from pathlib import Path
from app.providers.guards import Guards
from app.providers.local import LocalModel
async def main():
    model = LocalModel(Path({str(MODEL_FILE)!r}), Guards())
    child = await model._running()
    print(">", child.process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=HOUSE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = next(int(line[2:]) for line in parent.stdout if line.startswith("> "))
        assert is_alive(pid)
        parent.kill()

    asyncio.run(eventually(lambda: not is_alive(pid)))


async def test_one_that_cannot_start_says_so_each_time_and_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "model.gguf"
    broken.write_bytes(b"not a model")
    model = LocalModel(broken, GUARDS)

    await model.warm_up()
    for _ in range(2):
        with pytest.raises(ProviderFailed) as failure:
            await whole(model, ask())
        assert (failure.value.status, str(tmp_path) in str(failure.value)) == (502, False)

    assert children() == []
    await model.close()


async def test_closed_while_it_starts_it_leaves_nothing() -> None:
    model = LocalModel(MODEL_FILE, GUARDS)
    asking_now = asyncio.create_task(whole(model, ask()))
    await eventually(lambda: len(children()) == 1)

    await model.close()

    assert children() == []
    with pytest.raises((asyncio.CancelledError, ProviderFailed)):
        await asking_now


@with_the_model
async def test_at_boot_it_runs_before_anybody_asks_and_ends_with_the_service(database_url: str) -> None:
    settings = settings_for(database_url, catalogue="", local_model="boot")

    async with running(settings, rows=[]) as app, asking(app) as client:
        started = children()
        offered = (await client.get("/api/models")).json()["models"]

    assert len(started) == 1
    assert [(model["id"], model["countedBy"], model["default"]) for model in offered] == [
        ("smollm2-135m", "estimate", True)
    ]
    assert children() == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"local_model": "off"}, "LOCAL_MODEL is off"),
        ({"assets_dir": "/nowhere"}, "no models/SmolLM2-135M-Instruct.Q4_1.gguf in /nowhere: `prome assets`"),
    ],
)
def test_what_it_lacks_is_said_and_it_is_not_offered(changed: dict[str, str], reason: str) -> None:
    settings = settings_for("sqlite:///none.db", **changed)

    if assets.built_in_model_can_run():
        assert lacking(settings) == reason
    assert lacking(settings)
    assert local_from(settings) == {}
