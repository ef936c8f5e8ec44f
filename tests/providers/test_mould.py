"""Chunks that are alike are read together, and nobody can tell."""

from __future__ import annotations

import json
from unittest.mock import Mock

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.providers.decoder import Decoder
from app.providers.mould import LINE_BYTES_MAX, NEVER, Mould
from scripts.upstream import frames

AROUND = (
    b'data: {"model":"m","choices":[{"delta":{"content":"%b"},"finish_reason":null}]}',
    b'data:{"choices": [{"index": 0, "delta": {"role": "x", "content": "%b"}}], "usage": null}',
    b'data: {"content":"%b","choices":[{"delta":{"content":"same"}}]}',
    b'data: {"choices":[{"delta":{"content":"%b","content":"last"}}]}',
    b'data: {"choices":[{"delta":{"content":"%b"},"finish_reason":"stop"}]}',
    b'data: {"choices":[{"delta":{"content":"%b"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
)
# Between quotes, whether a JSON writer would write it or not.
WORDS = [b"a", b" b", "ü🦊".encode(), b"same", b"\\n", b'\\"', b"\\\\", b"\\u00e9"]
ODD_WORDS = [b"", b"\\u0000", b"\\ud83e", b"\\udd8a", b'"', b'","', b'b","c', b"\\", b',"c', b"\t", b"\xff", b'"}}]}']
BETWEEN = st.sampled_from(WORDS * 2 + ODD_WORDS)
OTHERS = st.sampled_from(
    [
        *(b": ping", b"event: message", b"data: [DONE]", b'data: {"choices":[]}', b'data: {"error":{"code":429}}'),
        *(b"data: {", b'data: {"choices":[{"delta":{},"finish_reason":"length"}]}'),
        *(AROUND[1].replace(b"%b", word) for word in (b"other", b"\\ud83e")),
    ]
)


def decoder() -> Decoder:
    return Decoder(2**20, 2**24)


def outcome(found: Decoder, texts: list[str]) -> tuple[object, ...]:
    failure = found.failure and (type(found.failure), str(found.failure))
    return texts + found.end(), found.reason, found.reported, found.is_done, failure


def line_of(word: bytes, around: bytes = AROUND[0]) -> bytes:
    return around.replace(b"%b", word)


@settings(max_examples=400)
@given(around=st.sampled_from(AROUND), plain=st.integers(0, 9), data=st.data())
def test_together_they_say_what_they_say_one_by_one(around: bytes, plain: int, data: st.DataObject) -> None:
    words = [*[b"said"] * plain, *data.draw(st.lists(BETWEEN, min_size=4, max_size=12))]
    lines = [line_of(word, around) for word in words]
    for other in data.draw(st.lists(OTHERS, max_size=3)):
        lines.insert(data.draw(st.integers(0, len(lines))), other)
    end = data.draw(st.sampled_from([b"\n\n", b"\r\n\r\n"]))
    together, apart = decoder(), decoder()
    cut = data.draw(st.integers(0, len(lines)))

    at_once = together.feed(b"".join(line + end for line in lines[:cut]))
    at_once += together.feed(b"".join(line + end for line in lines[cut:])) if not together.failure else []
    by_one = []
    for line in lines:
        by_one += apart.feed(line + end) if not apart.failure else []

    assert outcome(together, at_once) == outcome(apart, by_one)


def test_a_chunk_over_many_lines_is_not_cut_by_one_that_fits() -> None:
    found = decoder()
    alike = [line_of(b"a") + b"\n\n"] * 8

    texts = found.feed(b"".join(alike) + b"data: [\n" + line_of(b"kept") + b"\n" + b"\n".join(alike))

    assert texts == ["a"] * 8
    assert found.failure


def test_a_chunk_over_many_lines_may_end_where_many_begin() -> None:
    found = decoder()
    alike = b"".join([line_of(b"a") + b"\n\n"] * 8)
    texts = found.feed(alike + b'data: {"choices":\n')

    texts += found.feed(b'data: [{"delta":{"content":"b"}}]}\n') + found.feed(b"\n" + alike)

    assert texts == [*["a"] * 8, "b", *["a"] * 8]


def test_words_behind_the_end_are_none_however_alike() -> None:
    found = decoder()
    alike, end = [line_of(b"a")] * 8, b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}'

    assert found.feed(b"\n\n".join([*alike, end, *alike, b""])) == ["a"] * 8


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_long_reply_that_comes_at_once_is_hardly_parsed(monkeypatch: pytest.MonkeyPatch, line_end: bytes) -> None:
    parse = Mock(wraps=orjson.loads)
    monkeypatch.setattr(orjson, "loads", parse)
    words = [f" word{number}" for number in range(200)]
    opening = frames.event(frames.chunk("m", {"role": "assistant", "content": ""}))
    whole = b"".join(frames.event(frames.chunk("m", {"content": word})) for word in words)
    found = decoder()

    all_of_it = opening + whole + b"".join(frames.ending("m", "stop", 200, with_usage=True))
    texts = found.feed(all_of_it.replace(b"\n", line_end))

    assert texts == words
    assert (found.reason, found.is_done) == ("stop", True)
    assert parse.call_count < 10


def test_chunks_that_are_never_alike_are_not_compared_for_ever() -> None:
    found = decoder()
    chunks = [frames.chunk("m", {"content": "x"}, padding="p" * number) for number in range(100)]

    assert found.feed(b"".join(frames.event(chunk) for chunk in chunks)) == ["x"] * 100
    assert found._moulds_left == 0


def test_what_changes_once_in_a_while_is_learnt_again() -> None:
    found = decoder()
    texts: list[str] = []
    for second in range(10):
        chunks = [frames.chunk("m", {"content": "x"}, second=second) for _ in range(20)]
        texts += found.feed(b"".join(frames.event(chunk) for chunk in chunks))

    assert texts == ["x"] * 200
    assert found._moulds_left > 0
    assert b'"second": 9' in found._mould.after


@pytest.mark.parametrize("around", AROUND[2:])
def test_only_what_decides_the_words_and_nothing_else_is_a_mould(around: bytes) -> None:
    mould = Mould()

    mould.take(line_of(b"same", around))

    assert mould.before == NEVER


def test_a_line_without_end_is_not_looked_through_for_one() -> None:
    mould = Mould()

    mould.take(line_of(b"x" * LINE_BYTES_MAX))

    assert mould.before == NEVER


@pytest.mark.parametrize("word", [b"", b'","', b'b","c', b"\\u0000", b"\\ud83e", b"\xff", b"\t", b"\\"])
def test_a_word_that_is_more_than_a_word_wants_the_parser(word: bytes) -> None:
    mould = Mould()
    mould.take(line_of(b"said"))

    assert mould.words([line_of(b"a"), line_of(word), line_of(b"b")]) is None


def test_a_backslash_does_not_join_two_words() -> None:
    mould = Mould()
    mould.take(line_of(b"said"))

    assert mould.words([line_of(b"a\\"), line_of(b',"b')]) is None


def test_words_are_what_a_json_reader_reads() -> None:
    mould = Mould()
    mould.take(line_of(b"said"))
    texts = [" a", 'quoted "b"', "line\nbreak", "\\", "ü", "🦊", "東京"]

    assert mould.words([line_of(json.dumps(text)[1:-1].encode()) for text in texts]) == texts
    assert mould.words([line_of(text.encode()) for text in ("ü", "🦊", "東京")]) == ["ü", "🦊", "東京"]
