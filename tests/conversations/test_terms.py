"""The words of a text in plain letters are those that any text has, only sooner."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.conversations import terms

PLAIN = st.text(st.characters(max_codepoint=127) | st.sampled_from("aB1_ \x1c"), max_size=200)


@given(text=PLAIN | st.integers(60, 70).map(lambda length: "Ab" * length))
def test_plain_letters_give_the_words_that_they_give_beside_others(text: str) -> None:
    words = terms.indexed(text).split()

    assert terms.indexed(f"{text} ü").split() == list(dict.fromkeys([*words, "u"]))


def test_a_long_text_is_indexed_by_its_beginning() -> None:
    text = "a" + " b" * terms.TEXT_CHARS_MAX

    assert terms.indexed(text + "c").split() == ["a", "b"]
