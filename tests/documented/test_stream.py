"""What README says about streams is so: its shell lines, its two readers, and its tables."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from app.providers.provider import Ask, ProviderBusy
from tests.chat.callers import calling
from tests.conftest import Person
from tests.documented.readme import HOUSE, blocks, require_promised, section
from tests.fakes.provider import ScriptedProvider
from tests.fakes.proxy import proxied

pytestmark = pytest.mark.either_engine

SECONDS_MAX = 60
BEFORE, STREAM = section("The API by example"), section("The stream by example")
READERS = section("Two readers to copy", 3)
TABLES = section("What is in a stream", 3)
ANSWERS = {
    "What do herons eat?": ["Herons", " eat", " fish", ",", " frogs", " and", " insects."],
    "Tell me a long story.": ["Once", " upon", " a", " time", ","] * 400,
    # More than anybody is given at the start.
    "Tell me everything.": [" all" * 50] * 40,
}
# Each of its characters takes two to four bytes, so that nearly every place to cut is inside one.
WORDS = [f"{number} é漢🦊" for number in range(60)]


def answer(ask: Ask) -> list[str]:
    """What is not known here is the wish to carry on."""
    return ANSWERS.get(ask.messages[-1].content, [" The end."])


async def run(*command: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    around = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environment}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=around, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, out.decode(), err.decode()


async def test_who_follows_readme_from_the_top_gets_the_answers_that_it_says(
    live_url: str, provider: ScriptedProvider, database_url: str, tmp_path: Path
) -> None:
    provider.answer, provider.gap_seconds = answer, 0.005
    script = "set -euo pipefail\n" + "\n".join([*blocks(BEFORE, "bash"), *blocks(STREAM, "bash")])
    around = {"B": live_url, "DATABASE_URL": database_url, "BCRYPT_COST": "4"}
    # Without a `.env` of whoever runs the tests.
    (tmp_path / "scripts").symlink_to(HOUSE / "scripts")

    code, out, err = await run("bash", "-c", script, cwd=tmp_path, **around)

    assert code == 0, err
    require_promised(script, out)


def test_the_examples_fit_into_what_a_newcomer_is_given() -> None:
    """However much a model has to say: each asks for few tokens, but the one that is stopped and the last one."""
    asked = re.findall(r'\{"message": [^}]*\}', "\n".join(blocks(STREAM, "bash")))

    assert len(asked) >= 5
    assert [ask for ask in asked if "maxTokens" not in ask] == [
        '{"message": "Tell me a long story."}',
        '{"message": "Tell me everything."}',
    ]


def python_reader(folder: Path) -> list[str]:
    script = folder / "ask.py"
    script.write_text(blocks(READERS, "python")[0], encoding="utf-8")
    return [sys.executable, str(script), "Hello"]


def javascript_reader(folder: Path) -> list[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no Node on this machine; the tests in a browser run this reader as well.")
    script = folder / "ask.mjs"
    show = """
      for await (const { event, data } of reply(process.env.B, process.env.TOKEN, "Hello"))
        process.stdout.write((event === "answer" ? data.content : data.error) ?? "");
    """
    script.write_text(blocks(READERS, "js")[0] + show, encoding="utf-8")
    return [node, str(script)]


READERS_TO_COPY = pytest.mark.parametrize("reader", [python_reader, javascript_reader], ids=["python", "javascript"])


@READERS_TO_COPY
async def test_the_readers_lose_and_repeat_nothing_when_the_line_drops(
    reader: Any, live_url: str, ann: Person, provider: ScriptedProvider, tmp_path: Path
) -> None:
    """Before the head, inside it, before the first event, and three times in the middle of the reply."""
    provider.words, provider.gap_seconds = WORDS, 0.002
    cuts = [0, 100, 600, 1501, 1702, 1803]

    async with proxied(live_url, cuts) as proxy:
        proxy.piece_bytes, proxy.gap_seconds = 7, 0.001
        code, out, err = await run(*reader(tmp_path), cwd=tmp_path, B=proxy.url, TOKEN=ann.token)

    assert (code, out.strip()) == (0, "".join(WORDS)), err
    assert proxy.dropped == len(cuts)
    assert len(provider.asked) == 1
    assert any(b"last-event-id:" in asked.lower() for asked in proxy.asked)


@READERS_TO_COPY
async def test_the_readers_say_what_is_wrong_and_ask_only_once(
    reader: Any, live_url: str, ann: Person, provider: ScriptedProvider, tmp_path: Path
) -> None:
    async with proxied(live_url, []) as proxy:
        code, out, err = await run(*reader(tmp_path), cwd=tmp_path, B=proxy.url, TOKEN="of a stranger")
        assert (code, "Please sign in first." in out) == (0, True), err

        provider.fail_before, provider.failure = 1, ProviderBusy("away")
        code, out, err = await run(*reader(tmp_path), cwd=tmp_path, B=proxy.url, TOKEN=ann.token)

    assert code == 0, err
    assert out.startswith("Hello")
    assert "The model is busy" in out
    assert len(proxy.asked) == 2


@pytest.mark.parametrize("language", ["python", "js"])
def test_the_readers_are_short_enough_to_be_copied(language: str) -> None:
    (code,) = blocks(READERS, language)

    assert len(code.splitlines()) <= 45


def fields_of(event: str) -> set[str]:
    """The names that the table of events gives."""
    row = re.search(rf"^\| `{event}` \| `{{([^}}]*)}}`", TABLES, re.MULTILINE)
    assert row, f"The table has no row {event}"
    return set(row[1].split(", "))


async def test_the_table_of_events_has_every_field_that_is_sent(
    live_url: str, ann: Person, provider: ScriptedProvider
) -> None:
    async with calling(live_url, ann) as caller:
        whole = await caller.ask()
        provider.fail_before, provider.failure = 1, ProviderBusy("away", retry_after_seconds=3)
        broken = await caller.ask()

    sent = {event.name: set(event.data) for event in [*whole, *broken]}

    assert sent == {event: fields_of(event) for event in ("meta", "answer", "usage", "done", "error")}
