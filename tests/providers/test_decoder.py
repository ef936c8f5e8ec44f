"""Bytes to words, wherever the bytes are cut and whatever is in them."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.decoder import Decoder
from app.providers.provider import Reported
from scripts.upstream import frames

LINE_BYTES_MAX, REPLY_BYTES_MAX = 2**20, 2**24


def decoder(*, line_bytes_max: int = LINE_BYTES_MAX, reply_bytes_max: int = REPLY_BYTES_MAX) -> Decoder:
    return Decoder(line_bytes_max, reply_bytes_max)


def over_many_lines(chunk: dict[str, object]) -> bytes:
    lines = json.dumps(chunk, indent=1).encode().splitlines()
    return b"".join(b"data: " + line + b"\r\n" for line in lines) + b"\r\n"


def stream_of(texts: list[str], *, escaped: bool = False) -> bytes:
    chunks = [frames.chunk("fake", {"content": text}) for text in texts]
    said = b"".join(b"data: " + json.dumps(chunk, ensure_ascii=escaped).encode() + b"\n\n" for chunk in chunks)
    return said + b"".join(frames.ending("fake", "stop", len(texts), with_usage=True))


def fed(pieces: list[bytes]) -> tuple[list[str], Decoder]:
    found = decoder()
    texts = [text for piece in pieces for text in found.feed(piece)]
    return texts + found.end(), found


# What a JSON writer would write; halves of characters have a test of their own.
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), max_size=8)


@given(texts=TEXTS, escaped=st.booleans(), cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_where_the_bytes_are_cut_changes_nothing(texts: list[str], escaped: bool, cuts: list[int]) -> None:
    whole = stream_of(texts, escaped=escaped)
    places = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})

    found, state = fed([whole[start:end] for start, end in pairwise(places)])

    assert found == texts
    assert (state.reason, state.is_done, state.reported) == ("stop", True, Reported(7, len(texts)))
    assert state.failure is None


@given(texts=TEXTS, cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_a_chunk_over_many_lines_may_be_cut_anywhere_too(texts: list[str], cuts: list[int]) -> None:
    whole = b"".join(over_many_lines(frames.chunk("fake", {"content": text})) for text in texts)
    places = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})

    found, state = fed([whole[start:end] for start, end in pairwise(places)])

    assert found == texts
    assert state.failure is None


@given(noise=st.lists(st.binary(max_size=200), max_size=20))
def test_no_bytes_at_all_make_it_stumble(noise: list[bytes]) -> None:
    texts, _ = fed([piece for each in noise for piece in (b"data: ", each, b"\n\n")])

    "".join(texts).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "content", "finish_reason", "usage", "error", "prompt_tokens", "code"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(chunks=st.lists(JSON, max_size=5))
def test_no_json_at_all_makes_it_stumble(chunks: list[object]) -> None:
    texts, state = fed([f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks])

    "".join(texts).encode()
    assert state.reason in (None, "stop", "length", "content_filter")
    assert state.reported is None or state.reported.prompt_tokens >= 0


@given(text=st.text(st.sampled_from("\ud83e\udd8a\ud800\udfffa🦊\0é"), min_size=1), cut=st.integers(0, 12))
def test_a_character_halved_between_two_deltas_is_whole_again(text: str, cut: int) -> None:
    """As JSON writes it, in units of sixteen bits, cut anywhere between two of them."""
    units = [f"\\u{unit:04x}" for unit in memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")]
    halves = ["".join(units[:cut]), "".join(units[cut:])]

    texts, _ = fed([f'data: {{"choices":[{{"delta":{{"content":"{half}"}}}}]}}\n\n'.encode() for half in halves])

    whole = text.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert "".join(texts) == whole


def test_words_before_a_failure_are_kept() -> None:
    found = decoder()

    texts = found.feed(stream_of(["kept"]).partition(b"\n\n")[0] + b"\n\ndata: {nonsense\n\n" + stream_of(["never"]))

    assert texts == ["kept"]
    assert found.failure


def test_words_before_a_line_that_is_too_long_are_kept() -> None:
    found = decoder(line_bytes_max=1000)

    texts = found.feed(stream_of(["kept"]) + b"data: " + b"x" * 1000)

    assert texts == ["kept"]
    assert found.failure


def test_an_unfinished_character_never_shows() -> None:
    found = decoder()
    whole = stream_of(["a🦊"])
    inside = whole.index("🦊".encode()) + 2

    assert found.feed(whole[:inside]) == []
    assert found.end() == []
    assert found.reason is None


def test_a_line_without_end_is_not_collected() -> None:
    found, piece = decoder(), b"x" * 65_536

    pieces = 0
    while not found.failure:
        found.feed(piece)
        pieces += 1

    assert pieces == LINE_BYTES_MAX // len(piece) + 1


def test_lines_of_one_chunk_without_end_are_not_collected_either() -> None:
    found, pieces = decoder(), 0

    while not found.failure:
        found.feed(b'data: "no end\n' * 1000)
        pieces += 1

    assert pieces <= LINE_BYTES_MAX // 7000 + 1


def test_a_reply_has_a_largest_size_however_it_comes() -> None:
    found, piece = decoder(reply_bytes_max=10_000), b": ping\n\n" * 125

    for _ in range(10):
        found.feed(piece)
    assert found.failure is None
    found.feed(b":")

    assert found.failure
    assert found.failure.cause == "the reply is larger than we take"


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n\r\n"])
def test_the_last_line_needs_no_end(end: str) -> None:
    texts, found = fed([('data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}' + end).encode()])

    assert (texts, found.reason) == (["x"], "stop")


@pytest.mark.parametrize("said", ["stop", "tool_calls", "function_call", "eos", "end_turn"])
def test_any_reason_but_a_few_is_a_good_end(said: str) -> None:
    _, found = fed([frames.event(frames.chunk("fake", {}, said))])

    assert found.reason == "stop"


def test_a_reply_that_finishes_with_an_error_has_failed() -> None:
    _, found = fed([frames.event(frames.chunk("fake", {"content": ""}, "error"))])

    assert found.failure
    assert found.reason is None


def test_a_byte_order_mark_is_only_dropped_at_the_start() -> None:
    mark = b"\xef\xbb\xbf"

    texts, _ = fed([mark[:1], mark[1:], stream_of(["\ufefffirst", "second"])])

    assert texts == ["\ufefffirst", "second"]


def test_words_and_reason_and_usage_may_come_in_one_chunk() -> None:
    texts, found = fed([frames.event({**frames.chunk("m", {"content": "all"}, "length"), "usage": frames.counted(1)})])

    assert (texts, found.reason, found.reported) == (["all"], "length", Reported(7, 1))
