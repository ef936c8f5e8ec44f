"""From text to the words of the index, and from a question to a query, by the same rules on both engines.

Case, accents and width make no difference. Scripts that are written without spaces (Chinese, Japanese, Thai …, and
emoji) have no words to find, so each pair of neighbouring characters is one, and so is the last character of a run:
any two characters or more are then found wherever they stand, and a single one by the pairs that it begins.
Nothing but letters, marks, digits and emoji gets through, so no question can hold an operator.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# A text beyond this is found by its beginning; it bounds the work for one message.
TEXT_CHARS_MAX = 100_000
WORD_CHARS_MAX = 64
QUERY_TERMS_MAX = 32
# One letter with any ending would be a good part of the whole index.
PREFIX_CHARS_MIN = 2

SPACELESS = (
    r"\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2600-\u27bf\u2e80-\u2fff\u3005-\u3007\u3041-\u309f"
    r"\u30a1-\u30ff\u3105-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    r"\U0001f000-\U0001faff\U00020000-\U0003ffff"
)
# `\w` leaves out the vowel signs that are in the middle of a word in most scripts of India.
MARKS = "".join(mark for mark in map(chr, range(0x0370, 0xFE00)) if unicodedata.category(mark)[0] == "M")
# Either a run of a script without spaces, or a word.
WORD = re.compile(rf"([{SPACELESS}]+)|([^\W_{SPACELESS}]+(?:[{MARKS}]+[^\W_{SPACELESS}]*)*)")
BETWEEN_ASCII_WORDS = {code: " " for code in range(128) if not chr(code).isalnum()}
# Accents, joiners, soft hyphens, and what only chooses between two looks of one character.
UNSEEN = re.compile("[\u0300-\u036f\u00ad\u200c\u200d\u2060\ufe0e\ufe0f\ufeff]")


def fold(text: str) -> str:
    plain = UNSEEN.sub("", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFKC", plain)


def indexed(text: str) -> str:
    """Each different word once, a space before each."""
    text = text[:TEXT_CHARS_MAX]
    if text.isascii():
        # The same in a fifth of the time: there is nothing to fold but case, and words are what is between the others.
        plain = dict.fromkeys(text.lower().translate(BETWEEN_ASCII_WORDS).split())
        found = dict.fromkeys([word[:WORD_CHARS_MAX] for word in plain])
    else:
        words = dict.fromkeys(WORD.findall(fold(text)))
        found = dict.fromkeys(term for run, word in words for term in _terms(run, word))
    return "".join([f" {term}" for term in found])


def asked(text: str) -> list[str]:
    """All of the words, the last with any ending."""
    words = list(_words(text))
    found = dict.fromkeys(term for is_run, word in words[:-1] for term in _asked(is_run, word))
    found |= dict.fromkeys(term for is_run, word in words[-1:] for term in _asked(is_run, word, any_ending=True))
    return list(found)[-QUERY_TERMS_MAX:]


def query(user_id: str, words: list[str]) -> str:
    """For all of these words in what is this user's."""
    return " ".join([f"_{user_id}_{word}" for word in words])


def place_of(text: str, question: str) -> int:
    """Where the first of the asked words stands, to show what is around it; 0 when that is not to be said."""
    folded = fold(text)
    places = [folded.find(word) for _, word in _words(question)]
    return min((place for place in places if place >= 0), default=0) if len(folded) == len(text) else 0


def _words(text: str) -> Iterator[tuple[bool, str]]:
    """Each word, and whether it is a run of a script without spaces."""
    for found in WORD.finditer(fold(text)):
        yield (True, found[0]) if found[1] else (False, found[0][:WORD_CHARS_MAX])


def _terms(run: str, word: str) -> list[str]:
    return [*_pairs(run), run[-1]] if run else [word[:WORD_CHARS_MAX]]


def _asked(is_run: bool, word: str, *, any_ending: bool = False) -> list[str]:
    if is_run:
        return _pairs(word) or [f"{word}*"]
    return [f"{word}*" if any_ending and len(word) >= PREFIX_CHARS_MIN else word]


def _pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run) - 1)]
