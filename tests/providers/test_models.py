"""Which models there are, which of them answers whom, and what is said when there is none."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from app.providers.catalogue import Catalogue
from app.providers.models import Models, NoModel, UnknownModel
from app.providers.tokens import Tokenizers
from tests.conftest import HOUSE, settings_for
from tests.providers.written import catalogue, model

EVERYBODY = ("openai", "gemini", "local")


def models(providers: Collection[str], path: Path | str = "", **settings: Any) -> Models:
    found = settings_for("sqlite:///none.db", catalogue=str(path), **settings)
    return Models(found, Catalogue.read(path), providers, Tokenizers(HOUSE / "var"))


def ids(found: Models) -> list[str]:
    return [model.id for model in found.usable()]


def chain(found: Models, model_id: str) -> list[str]:
    return [model.id for model in found.chain(found.pick(model_id))]


@pytest.mark.parametrize(
    ("providers", "default"),
    [
        (EVERYBODY, "gpt-5-mini"),
        (["gemini", "local"], "gemini-2.5-flash"),
        (["local"], "smollm2-135m"),
    ],
)
def test_who_names_no_model_gets_the_first_that_can_answer(providers: list[str], default: str) -> None:
    found = models(providers)

    assert found.pick(None).id == ids(found)[0] == default


def test_only_what_has_a_provider_is_offered() -> None:
    assert ids(models(["gemini"])) == ["gemini-2.5-flash", "gemini-2.5-pro"]


def test_openai_model_names_the_default_by_its_id_or_by_its_upstream_name(tmp_path: Path) -> None:
    path = catalogue(tmp_path, model("one"), model("two", provider='"openai"'))

    assert models(EVERYBODY, openai_model="gpt-5").pick(None).id == "gpt-5"
    assert models(["openai", "scripted"], path, openai_model="two-up").pick(None).id == "two"
    assert ids(models(["openai", "scripted"], path, openai_model="two-up")) == ["two", "one"]


def test_the_default_of_openai_model_adds_nothing_to_a_catalogue_of_ones_own(tmp_path: Path) -> None:
    path = catalogue(tmp_path, model("one"), model("two", provider='"openai"'))

    assert ids(models(["openai", "scripted"], path)) == ["one", "two"]


async def test_an_openai_model_that_no_list_knows_is_offered_with_careful_numbers() -> None:
    found = models(["openai"], openai_model="qwen3:4b")
    default = found.pick(None)
    tokenizer = found.tokenizer(default)

    assert (default.id, default.upstream_model, default.window_tokens) == ("qwen3:4b", "qwen3:4b", 8192)
    assert default.price == "1 token per prompt token, 1 per reply token"
    assert (tokenizer.encoding, tokenizer.counted_by) == ("o200k_base", "estimate")
    assert "gpt-5" in ids(found)


def test_at_another_address_than_openais_our_list_promises_nothing_but_openai_model(tmp_path: Path) -> None:
    elsewhere = {"openai_base_url": "http://127.0.0.1:11434/v1", "openai_model": "qwen3:4b"}
    path = catalogue(tmp_path, model("one", provider='"openai"'), model("two", provider='"openai"'))

    ours, their_own = models(["openai", "gemini"], **elsewhere), models(["openai"], path, **elsewhere)

    assert ids(ours) == ["qwen3:4b", "gemini-2.5-flash", "gemini-2.5-pro"]
    assert chain(ours, "gemini-2.5-flash") == ["gemini-2.5-flash"]
    assert ids(their_own) == ["qwen3:4b", "one", "two"]


def test_a_model_that_is_not_public_cannot_be_chosen_but_stands_in(tmp_path: Path) -> None:
    path = catalogue(tmp_path, model("open", 'fallbacks = ["closed"]\n'), model("closed", "public = false\n"))
    found = models(["scripted"], path)

    assert ids(found) == ["open"]
    assert chain(found, "open") == ["open", "closed"]
    with pytest.raises(UnknownModel):
        found.pick("closed")


def test_whoever_cannot_answer_stands_in_for_nobody() -> None:
    assert chain(models(EVERYBODY), "gpt-5") == ["gpt-5", "gemini-2.5-pro", "gpt-5-mini"]
    assert chain(models(["openai"]), "gpt-5") == ["gpt-5", "gpt-5-mini"]


@pytest.mark.parametrize("wrong", ["gpt-6", "", "GPT-5", "smollm2-135m", "x" * 10_000])
def test_an_unknown_model_is_refused_with_the_list(wrong: str) -> None:
    with pytest.raises(UnknownModel) as refusal:
        models(["gemini"]).pick(wrong)

    assert refusal.value.status == 422
    assert refusal.value.as_dict() == {
        "error": "There is no such model here. Please choose one of the list.",
        "code": "unknown_model",
        "models": ["gemini-2.5-flash", "gemini-2.5-pro"],
    }


@pytest.mark.parametrize("asked_for", [None, "gpt-5"])
def test_without_any_model_it_says_what_to_set_or_install(asked_for: str | None) -> None:
    with pytest.raises(NoModel) as refusal:
        models([]).pick(asked_for)

    assert (refusal.value.status, refusal.value.code) == (503, "no_model")
    for way_out in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GEMINI_API_KEY", "prome[local]", "prome assets"):
        assert way_out in str(refusal.value)


@pytest.mark.parametrize(
    ("model_id", "encoding", "counted_by"),
    [
        ("gpt-5", "o200k_base", "tiktoken"),
        ("gemini-2.5-pro", "o200k_base", "estimate"),
        ("smollm2-135m", "o200k_base", "estimate"),
    ],
)
def test_a_model_whose_tokenizer_we_lack_is_counted_with_a_stand_in_that_says_so(
    model_id: str, encoding: str, counted_by: str
) -> None:
    found = models(EVERYBODY)
    tokenizer = found.tokenizer(found.pick(model_id))

    assert (tokenizer.encoding, tokenizer.counted_by) == (encoding, counted_by)
