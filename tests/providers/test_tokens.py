"""Tokens are counted as tiktoken counts them, without a network, and without holding anybody up."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.providers import tokens
from app.providers.tokens import CHARS_A_PIECE, RANKS, Tokenizers
from tests.conftest import HOUSE

ASSETS = HOUSE / "var"
# A loop that is held is held for all of the count; on a slow machine a part of that is late enough.
LAG_SECONDS_MAX, SHARE_MAX = 0.05, 0.25
LONG = {
    "one letter": "a" * 1_000_000,
    "few spaces": " " * 100_000,
    "spaces": " " * 1_000_000,
    "wide spaces": "\u3000 " * 500_000,
    "spaces between": "x" + " " * 1_000_000 + "y",
    "carets": "^" * 1_000_000,
    "chinese": "水" * 1_000_000,
    "lone surrogates": "a\ud800" * 500_000,
}

CORPUS = {
    "nothing": "",
    "english": "The quick brown fox jumps over the lazy dog. It's 5 o'clock, isn't it?",
    "code": "def add(a: int, b: int) -> int:\n    return a + b  # +1\n\n\nprint(add(1, 2_000))\n",
    "chinese": "我能吞下玻璃而不伤身体。",
    "japanese": "私はガラスを食べられます。それは私を傷つけません。",
    "arabic": "أنا قادر على أكل الزجاج و هذا لا يؤلمني.",
    "hindi": "मैं काँच खा सकता हूँ और मुझे उससे कोई चोट नहीं पहुंचती.",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 ☕️",
    "marks": "a\u0301\u0302\u0303 e\u0323" * 20,
    "special": "<|endoftext|> and <|endofprompt|><|fim_prefix|>",
    "controls": "\x00\x01\x1b[31m\x7f\u2028\u2029\ufeff",
    "lone surrogates": "a\ud83d b\ude00 \udfff",
    "numbers": "3.14159 1234567890 1e-9 0xdeadbeef",
    "white": " \t\n\r\n  \u3000 \u00a0\n\n\n ",
    "letters": "a" * 20_000,
    "spaces": " " * 20_000,
    "markdown": "# Title\n\n- *one*\n- **two**\n\n```py\nx = 1\n```\n| a | b |\n|---|---|\n",
}


@dataclass
class Lag:
    seconds_max: float = 0


@pytest.fixture
def tokenizers() -> Iterator[Tokenizers]:
    found = Tokenizers(ASSETS)
    yield found
    found.close()


def tiktokens_own(encoding: str, text: str) -> int:
    """Another way to the same number: made of the same ranks, asked in another way and for the whole text."""
    own = tokens.load(ASSETS / "tiktoken", encoding)
    assert own is not None, "The rank files are missing: run `prome assets`."
    return len(own.encode(text, disallowed_special=(), allowed_special=set()))


@asynccontextmanager
async def watching_the_loop() -> AsyncIterator[Lag]:
    seen = Lag()

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.002)
            seen.seconds_max = max(seen.seconds_max, time.perf_counter() - before - 0.002)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.01)
    yield seen
    await asyncio.sleep(0.01)
    watching.cancel()


@pytest.mark.parametrize("encoding", RANKS)
@pytest.mark.parametrize("kind", CORPUS)
def test_every_kind_of_text_counts_as_in_tiktoken(tokenizers: Tokenizers, encoding: str, kind: str) -> None:
    tokenizer = tokenizers.of(encoding)

    assert (tokenizer.encoding, tokenizer.counted_by) == (encoding, "tiktoken")
    assert tokenizer.count(CORPUS[kind]) == tiktokens_own(encoding, CORPUS[kind])


def test_a_known_sentence_has_its_known_number(tokenizers: Tokenizers) -> None:
    assert [tokenizers.of(encoding).count("tiktoken is great!") for encoding in ("cl100k_base", "o200k_base")] == [6, 6]
    assert tokenizers.of("o200k_base").count("<|endoftext|>") > 1


def test_texts_made_at_random_count_as_in_tiktoken(tokenizers: Tokenizers) -> None:
    chance, tokenizer = random.Random(1), tokenizers.of("o200k_base")
    ranges = [(32, 126), (0xA0, 0x24F), (0x400, 0x4FF), (0x4E00, 0x9FFF), (0x1F300, 0x1FAFF), (0, 0x10FFFF)]

    for _ in range(300):
        low, high = chance.choice(ranges)
        text = "".join(chr(chance.randint(low, high)) for _ in range(chance.randint(1, 200)))
        assert tokenizer.count(text) == tiktokens_own("o200k_base", text), repr(text)


def test_a_text_of_several_pieces_counts_as_one(tokenizers: Tokenizers) -> None:
    book = "".join(f"{CORPUS[kind]} and then " for kind in ("english", "code", "chinese", "emoji", "markdown")) * 1500

    assert len(book) > 4 * CHARS_A_PIECE
    assert tokenizers.of("o200k_base").count(book) == tiktokens_own("o200k_base", book)


@pytest.mark.parametrize("kind", ["spaces", "wide spaces", "spaces between"])
def test_white_space_on_which_tiktoken_itself_falls_over_is_counted(tokenizers: Tokenizers, kind: str) -> None:
    assert 0 < tokenizers.of("o200k_base").count(LONG[kind]) < len(LONG[kind])


@pytest.mark.parametrize("kind", LONG)
async def test_a_long_text_does_not_hold_the_loop(tokenizers: Tokenizers, kind: str) -> None:
    tokenizer = tokenizers.of("o200k_base")
    lags = []

    # A machine that is busy may be late once by itself, and is hardly so three times.
    for _ in range(3):
        began = time.perf_counter()
        async with watching_the_loop() as lag:
            assert await tokenizer.count_soon(LONG[kind]) > 1
        lags.append(lag.seconds_max / max(LAG_SECONDS_MAX, SHARE_MAX * (time.perf_counter() - began)))

    assert min(lags) < 1


async def test_a_short_text_is_counted_at_once_and_alike(tokenizers: Tokenizers) -> None:
    tokenizer = tokenizers.of("o200k_base")

    for text in CORPUS.values():
        assert await tokenizer.count_soon(text) == tokenizer.count(text)


# Ends the process at the first look at the world outside; the check at its end shows that it would.
CUT_OFF = """
import socket, sys
def watch(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"somebody went to the network: {event}")
sys.addaudithook(watch)
from app.providers.tokens import Tokenizers
for encoding in ("o200k_base", "cl100k_base", "gemini"):
    tokenizer = Tokenizers(sys.argv[1]).of(encoding)
    print(">", encoding, tokenizer.encoding, tokenizer.counted_by, tokenizer.count("tiktoken is great!"))
sys.stdout.flush()
socket.socket()
"""


def counted_offline(assets: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF, assets], cwd=HOUSE, capture_output=True, text=True, check=False
    )
    assert "somebody went to the network: socket.__new__" in done.stderr
    return [line[2:] for line in done.stdout.splitlines() if line.startswith("> ")]


def test_counting_asks_no_network() -> None:
    assert counted_offline(ASSETS) == [
        "o200k_base o200k_base tiktoken 6",
        "cl100k_base cl100k_base tiktoken 6",
        "gemini o200k_base estimate 6",
    ]


def test_without_any_file_it_says_that_it_estimates_and_asks_no_network(tmp_path: Path) -> None:
    assert counted_offline(tmp_path) == [
        "o200k_base utf8/4 estimate 5",
        "cl100k_base utf8/4 estimate 5",
        "gemini utf8/4 estimate 5",
    ]


def test_a_damaged_file_is_left_where_it_is_and_not_believed(tmp_path: Path) -> None:
    damaged, whole = (tmp_path / "tiktoken" / RANKS[name].name for name in ("o200k_base", "cl100k_base"))
    damaged.parent.mkdir()
    damaged.write_bytes(b"IQ== 0\n")
    shutil.copy(ASSETS / "tiktoken" / whole.name, whole)

    said = counted_offline(tmp_path)

    assert damaged.read_bytes() == b"IQ== 0\n"
    assert said == [
        "o200k_base utf8/4 estimate 5",
        "cl100k_base cl100k_base tiktoken 6",
        "gemini utf8/4 estimate 5",
    ]


def test_the_estimate_is_a_quarter_of_the_bytes_rounded_up(tmp_path: Path) -> None:
    rough = Tokenizers(tmp_path).of("o200k_base")

    assert [rough.count(text) for text in ("", "a", "abcd", "abcde", "水水", "\ud800")] == [0, 1, 1, 2, 2, 1]
