"""`prome doctor` on models: who answers, with what, how tokens are counted, and what is missing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.providers import assets
from tests.command import Command, Result
from tests.conftest import HOUSE
from tests.databases import Databases
from tests.fakes.upstream import upstream
from tests.ports import free_port
from tests.providers.written import catalogue, model

pytestmark = pytest.mark.either_engine
KEY = "sk-canary-0123456789"


@pytest.fixture
def prome(databases: Databases, tmp_path: Path) -> Command:
    """On a machine that has the assets and no key."""
    found = {"DATABASE_URL": databases.fresh(tmp_path), "ASSETS_DIR": str(HOUSE / "var")}
    return Command(tmp_path, found)


def findings(result: Result, subject: str) -> list[tuple[str, str]]:
    rows = (line.split(maxsplit=2) for line in result.out.splitlines())
    return [(state, words) for state, about, words in rows if about == subject]


@pytest.mark.skipif(not assets.built_in_model_can_run(), reason="the built-in model cannot run here")
def test_without_a_key_and_with_the_built_in_model_all_is_well(prome: Command) -> None:
    result = prome.run("doctor")

    assert result.code == 0
    assert findings(result, "tokenizers")[0][0] == "ok"
    assert findings(result, "built-in") == [("ok", assets.MODEL_FILE)]
    assert findings(result, "model")[:2] == [
        ("ok", "smollm2-135m, the default: 1 token per prompt token, 1 per reply token (o200k_base, estimate)"),
        ("off", "gpt-5-mini: openai cannot answer it here"),
    ]


def test_without_any_model_it_says_what_to_set_or_install_and_that_is_no_fault(prome: Command) -> None:
    result = prome.run("doctor", LOCAL_MODEL="off", ASSETS_DIR="nowhere")

    assert result.code == 0
    (state, words), *_ = findings(result, "model")
    assert (state, "OPENAI_API_KEY" in words, "prome[local]" in words) == ("off", True, True)
    assert findings(result, "built-in") == [("off", "LOCAL_MODEL is off")]
    assert "`prome assets`" in findings(result, "tokenizers")[0][1]


async def test_an_upstream_that_answers_is_fine_and_its_model_the_default(prome: Command) -> None:
    async with upstream() as up:
        settings = {"OPENAI_BASE_URL": up.url, "OPENAI_API_KEY": KEY, "OPENAI_MODEL": "qwen3:4b"}
        result = await asyncio.to_thread(prome.run, "doctor", **settings)

    assert result.code == 0
    assert findings(result, "openai") == [("ok", "answers")]
    assert findings(result, "model")[0] == (
        "ok",
        "qwen3:4b, the default: 1 token per prompt token, 1 per reply token (o200k_base, estimate)",
    )
    assert KEY not in result.out + result.err


@pytest.mark.parametrize("fault", ["401", "500", "refused"])
async def test_an_upstream_that_does_not_answer_as_it_should_is_broken_and_no_secret_is_said(
    prome: Command, fault: str
) -> None:
    async with upstream(None if fault == "refused" else fault) as up:
        url = f"http://me:{KEY}@127.0.0.1:{free_port()}/v1" if fault == "refused" else up.url
        result = await asyncio.to_thread(prome.run, "doctor", OPENAI_BASE_URL=url, OPENAI_API_KEY=KEY)

    assert result.code == 1
    ((state, words),) = findings(result, "openai")
    assert (state, words.startswith("does not answer as it should: ")) == ("BROKEN", True)
    assert KEY not in result.out + result.err
    assert "Traceback" not in result.err


def test_a_catalogue_with_mistakes_is_broken_and_each_is_named(prome: Command, tmp_path: Path) -> None:
    path = catalogue(tmp_path, model("one", input_rate="-1"), model("one"))

    result = prome.run("doctor", CATALOGUE=str(path))

    assert result.code == 1
    assert findings(result, "catalogue") == [
        ("BROKEN", f"{path}, line 9: input_rate must be 0 or more."),
        ("BROKEN", f"{path}, line 14: id one is taken by a model above."),
    ]


@pytest.mark.parametrize("word", ["serve", "seed"])
def test_nothing_starts_with_such_a_catalogue(prome: Command, tmp_path: Path, word: str) -> None:
    path = catalogue(tmp_path, model("one", input_rate="-1", window_tokens=None))

    result = prome.run(word, CATALOGUE=str(path), PORT=str(free_port()))

    assert result.code == 1
    assert result.err == (
        "Prome does not start with these settings:\n"
        f"  - CATALOGUE: {path}, line 1: window_tokens is missing.\n"
        f"  - CATALOGUE: {path}, line 8: input_rate must be 0 or more.\n"
    )
