"""A catalogue with a mistake in it is refused, and every mistake is named with its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from app.providers.catalogue import Catalogue, Model
from app.settings import UnsafeSettings
from tests.providers.written import LINE, catalogue, model


def faults(path: Path) -> list[str]:
    with pytest.raises(UnsafeSettings) as refusal:
        Catalogue.read(path)
    start = f"CATALOGUE: {path}"
    assert all(fault.startswith(start) for fault in refusal.value.faults)
    return [fault.removeprefix(start).removeprefix(", ").strip() for fault in refusal.value.faults]


def one(folder: Path, more: str = "", **changed: str | None) -> Model:
    return Catalogue.read(catalogue(folder, model("one", more, **changed))).models[0]


def test_ours_can_be_read_and_falls_back_only_to_what_it_has() -> None:
    ours = Catalogue.read()

    assert ours.is_ours
    assert {model.provider for model in ours.models} == {"openai", "gemini", "local"}
    built_in = ours.find("smollm2-135m")
    assert built_in is not None
    assert (built_in.name, built_in.price) == (
        "SmolLM2-135M (demo, often wrong)",
        "1 token per prompt token, 1 per reply token",
    )
    for listed in ours.models:
        assert listed.provider == "local" or listed.input_usd_per_million > 0, listed.id


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = catalogue(tmp_path, model("one", 'public = false\nfallbacks = ["two"]\nnote = "n"\n'), model("two"))

    read = Catalogue.read(path)

    assert not read.is_ours
    assert [found.id for found in read.models] == ["one", "two"]
    assert read.models[0] == Model(
        id="one",
        name="A model",
        provider="scripted",
        upstream_model="one-up",
        encoding="o200k_base",
        window_tokens=8192,
        reply_tokens_max=1000,
        input_rate=1000,
        output_rate=1500,
        input_usd_per_million=Decimal("0.25"),
        output_usd_per_million=Decimal(2),
        public=False,
        fallbacks=("two",),
        note="n",
    )


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("input_rate", "-1", "must be 0 or more"),
        ("output_rate", "1_000_001", "must be 1000000 or less"),
        ("output_rate", "1.5", "must be a whole number"),
        ("input_rate", '"1000"', "must be a whole number"),
        ("input_rate", "true", "must be a whole number"),
        ("window_tokens", "255", "must be 256 or more"),
        ("window_tokens", "99_000_000", "must be 10000000 or less"),
        ("reply_tokens_max", "8192", "must be less than window_tokens"),
        ("reply_tokens_max", "0", "must be 16 or more"),
        ("input_usd_per_million", "-0.01", "must be 0 or more"),
        ("output_usd_per_million", "10_001", "must be 10000 or less"),
        ("output_usd_per_million", "nan", "must be a number"),
        ("output_usd_per_million", "inf", "must be a number"),
        ("output_usd_per_million", '"cheap"', "must be a number"),
        ("output_usd_per_million", "[1]", "must be a number"),
        ("id", '""', "must be 1 to 100 letters, digits or any of . : / @ + - _"),
        ("id", '"a b"', "must be 1 to 100 letters, digits or any of . : / @ + - _"),
        ("id", "7", "must be a text"),
        ("name", '""', "must not be empty"),
        ("name", f'"{"n" * 101}"', "must have at most 100 characters"),
        ("public", '"yes"', "must be true or false"),
        ("fallbacks", '"two"', "must be a list"),
        ("colour", '"red"', "is not known here"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(tmp_path: Path, key: str, value: str, words: str) -> None:
    """In the second table, behind words that look like a table but are none."""
    first = model("first", 'note = """\n[[model]]\nid = 7\n"""\n')
    extra = "" if key in LINE else f"{key} = ?\n"
    path = catalogue(tmp_path, first, "# A comment, then the next.\n", model("second", extra, **{key: value}))

    line = len(first.splitlines()) + 1 + LINE.get(key, len(LINE) + 1)
    assert faults(path) == [f"line {line}: {key} {words}."]


@pytest.mark.parametrize("key", [key for key in LINE if key != "[[model]]"])
def test_what_is_missing_is_named_with_the_line_of_its_model(tmp_path: Path, key: str) -> None:
    path = catalogue(tmp_path, model("first"), "\n", model("second", **{key: None}))

    assert faults(path) == [f"line {len(LINE) + 2}: {key} is missing."]


def test_what_costs_nothing_at_all_is_refused_and_half_of_it_is_not(tmp_path: Path) -> None:
    free = catalogue(tmp_path, model("one", input_rate="0", output_rate="0"))

    words = "input_rate and output_rate cannot both be 0: what costs nothing cannot be metered."
    assert faults(free) == [f"line {LINE['input_rate']}: {words}"]
    assert one(tmp_path, input_rate="0").price == "0 tokens per prompt token, 1.5 per reply token"


def test_what_is_wrong_among_models_is_named_with_its_line(tmp_path: Path) -> None:
    path = catalogue(
        tmp_path,
        model("one", 'fallbacks = ["one"]\n'),
        model("two", 'fallbacks = ["three", "one"]\n'),
        model("one"),
    )

    size = len(LINE) + 1
    assert faults(path) == [
        f"line {size}: fallbacks: one cannot stand in for itself.",
        f"line {2 * size}: fallbacks: there is no model three.",
        f"line {2 * size + 2}: id one is taken by a model above.",
    ]


def test_all_faults_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    broken = {"input_rate": "-1", "window_tokens": "1", "name": None}
    path = catalogue(tmp_path, model("one", **broken), model("two", 'fallbacks = ["one", "x"]\n', provider=None))

    lines = [fault.partition(":")[0] for fault in faults(path)]
    assert lines == ["line 1", "line 6", "line 8", "line 12", "line 23"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id = ", "is not TOML: Invalid value (at end of document)."),
        ("", "must hold one table [[model]] for each model, and nothing else."),
        ("model = []", "must hold one table [[model]] for each model, and nothing else."),
        ("[model]\nid = 1", "must hold one table [[model]] for each model, and nothing else."),
        ("colour = 1\n" + model(), "must hold one table [[model]] for each model, and nothing else."),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert faults(catalogue(tmp_path, text)) == [words]


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "models.toml"
    binary.write_bytes(b"\xff\xfe")

    assert faults(binary) == ["is not UTF-8."]
    assert faults(tmp_path / "none.toml") == ["cannot be read: No such file or directory."]
    assert faults(tmp_path) == ["cannot be read: Is a directory."]


@pytest.mark.parametrize(
    ("rate", "price"),
    [
        ("1000", "1 token per prompt token, 1.5 per reply token"),
        ("2000", "2 tokens per prompt token, 1.5 per reply token"),
        ("1", "0.001 tokens per prompt token, 1.5 per reply token"),
        ("1250", "1.25 tokens per prompt token, 1.5 per reply token"),
        ("1000000", "1000 tokens per prompt token, 1.5 per reply token"),
    ],
)
def test_the_price_is_said_in_words(tmp_path: Path, rate: str, price: str) -> None:
    assert one(tmp_path, input_rate=rate).price == price


def test_the_cost_to_the_house_is_rounded_up(tmp_path: Path) -> None:
    costs = one(tmp_path)

    assert [costs.cost_micro_usd(*used) for used in [(0, 0), (1, 0), (4, 1), (5, 1)]] == [0, 1, 3, 4]
