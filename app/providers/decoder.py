"""From the bytes of an event stream to the words in it. Nothing here waits, and nothing here is believed.

It runs once a token of every reply, so the way of a good chunk is short: one parse, one look, and not even that where
many arrive at once and are alike but for their words. Whatever is odd about a chunk is looked at in `_odd`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson

from app.providers.mould import Mould
from app.providers.provider import ProviderBusy, ProviderFailed, Reason, Reported

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DONE = b"[DONE]"
TOKENS_MAX = 10**9
# Fewer are parsed sooner than a mould is made.
LINES_WORTH_A_MOULD = 8
# So many in a row that fit nothing, and the chunks of this reply are not alike.
MOULDS_MAX = 3
REASONS: dict[str, Reason] = {"length": "length", "content_filter": "content_filter"}
BUSY = {"429", "rate_limit_exceeded", "rate_limit_error", "overloaded_error"}


class Decoder:
    """One reply. After `feed` and `end`, its fields say how the reply stands."""

    def __init__(self, line_bytes_max: int, reply_bytes_max: int) -> None:
        self.reason: Reason | None = None
        self.reported: Reported | None = None
        self.is_done = False
        self.failure: ProviderFailed | None = None
        self._line_bytes_max, self._bytes_left = line_bytes_max, reply_bytes_max
        self._unfinished = bytearray()
        self._at_start = True
        # Lines of a chunk that goes over many; a chunk in one line, which is every chunk, is never kept.
        self._lines_kept = bytearray()
        self._words = Words()
        self._mould, self._moulds_left = Mould(), MOULDS_MAX

    def feed(self, piece: bytes) -> list[str]:
        """The deltas that are complete with these bytes, none of them empty; those before a failure as well."""
        texts: list[str] = []
        lines = self._lines(piece)
        try:
            if len(lines) >= LINES_WORTH_A_MOULD and self._may_be_alike():
                self._read_many(lines, texts)
            else:
                self._read(lines, texts)
            self._bytes_left -= len(piece)
            if self._bytes_left < 0:
                raise ProviderFailed("the reply is larger than we take")
            if len(self._unfinished) > self._line_bytes_max:
                raise ProviderFailed("a line is longer than we take")
        except ProviderFailed as failure:
            self.failure = failure
        return texts

    def end(self) -> list[str]:
        """What only the end of the stream completes. A line that was cut in the middle is nothing."""
        texts: list[str] = []
        last, self._unfinished = bytes(self._unfinished), bytearray()
        if last.startswith(b"data:") and (found := _parsed(last[5:])) is not None:
            self._take(found, texts)
        return texts + self._words.rest()

    def _lines(self, piece: bytes) -> list[bytes]:
        """Those that are whole; the rest of the piece waits for the next, which goes on where this one was cut."""
        cut = piece.rfind(b"\n")
        if cut < 0:
            self._unfinished += piece
            return []
        # Without its last newline, after which there is no line yet.
        whole = piece[:cut]
        if self._unfinished:
            whole, self._unfinished = bytes(self._unfinished) + whole, bytearray()
        if cut + 1 < len(piece):
            self._unfinished += piece[cut + 1 :]
        if self._at_start:
            self._at_start, whole = False, whole.removeprefix(BYTE_ORDER_MARK)
        return whole.split(b"\n")

    def _read(self, lines: Iterable[bytes], texts: list[str]) -> None:
        for line in lines:
            if line[:5] == b"data:":
                self._data(line[5:], texts)
            elif self._lines_kept and not line.strip():
                self._keep_no_longer(texts)

    def _read_many(self, lines: list[bytes], texts: list[str]) -> None:
        """Those that fit the mould together, and whatever is between them one by one."""
        alike, mould, rest = list[bytes](), self._mould, iter(lines)
        for line in rest:
            if line.startswith(mould.before) and line.endswith(mould.after):
                alike.append(line)
            elif line and line != b"\r":
                self._read_alike(alike, texts)
                alike = []
                self._read([line], texts)
                if texts:
                    mould.take(line)
                    self._moulds_left -= 1
                if not self._may_be_alike():
                    break
        self._read_alike(alike, texts)
        self._read(rest, texts)

    def _read_alike(self, lines: list[bytes], texts: list[str]) -> None:
        words = self._mould.words(lines) if lines else []
        if words is None:
            for line in lines:
                self._read([line, b""], texts)
            return
        texts += words
        if len(words) > MOULDS_MAX:
            self._moulds_left = MOULDS_MAX

    def _may_be_alike(self) -> bool:
        """Once something was odd, words may be something else than words."""
        return bool(self._moulds_left) and not (self._words.are_rough or self._lines_kept or self.reason)

    def _data(self, data: bytes, texts: list[str]) -> None:
        """A chunk that is whole is taken at once: some upstreams leave out the empty line between two."""
        if self._lines_kept:
            self._keep(data)
            return
        try:
            found = orjson.loads(data)
        except ValueError:
            if data.strip() == DONE:
                self.is_done = True
                return
            found = _parsed(data)
            if found is None:
                self._keep(data)
                return
            # Only this way do halves of characters get in.
            self._words.are_rough = True
        self._take(found, texts)

    def _keep(self, data: bytes) -> None:
        self._lines_kept += b"\n" + data
        if len(self._lines_kept) > self._line_bytes_max:
            raise ProviderFailed("a chunk is longer than we take")

    def _keep_no_longer(self, texts: list[str]) -> None:
        found = _parsed(bytes(self._lines_kept))
        if found is None:
            raise ProviderFailed("a chunk is no JSON")
        self._lines_kept = bytearray()
        self._words.are_rough = True
        self._take(found, texts)

    def _take(self, found: Any, texts: list[str]) -> None:
        try:
            choice = found["choices"][0]
            text, reason, usage = choice["delta"]["content"], choice.get("finish_reason"), found.get("usage")
        except (TypeError, LookupError):
            text = None
        if not text or type(text) is not str or self.reason:
            self._odd(found)
            return
        if self._words.are_rough or "\0" in text:
            text = self._words.whole(text)
        if text:
            texts.append(text)
        if reason or usage:
            self._odd(found)

    def _odd(self, found: Any) -> None:
        """Everything but words, from a chunk that may be anything."""
        if not isinstance(found, dict):
            return
        if not self.reason:
            self._fail_on(found.get("error"))
            self._finish(_reason_in(found.get("choices")))
        usage = found.get("usage")
        if isinstance(usage, dict):
            prompt, completion = _tokens(usage.get("prompt_tokens")), _tokens(usage.get("completion_tokens"))
            if prompt is not None and completion is not None:
                self.reported = Reported(prompt, completion)

    def _fail_on(self, error: Any) -> None:
        if not error:
            return
        codes = {str(error.get("code")), str(error.get("type"))} if isinstance(error, dict) else set()
        raise ProviderBusy("too busy, said in the stream") if codes & BUSY else ProviderFailed("an error in the stream")

    def _finish(self, reason: str | None) -> None:
        if reason == "error":
            raise ProviderFailed("finished with an error")
        if reason:
            self.reason = REASONS.get(reason, "stop")


class Words:
    """Text as it may be stored and sent: whole characters, and no NUL."""

    def __init__(self) -> None:
        self.are_rough = False
        self._half = ""

    def whole(self, text: str) -> str:
        """The first half of a character waits for the next delta; a half that stays alone is replaced."""
        text, self._half = self._half + text.replace("\0", ""), ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def rest(self) -> list[str]:
        half, self._half = self._half, ""
        return ["\ufffd"] if half else []


def _parsed(data: bytes) -> Any:
    """As the strict parser, but with halves of characters, control characters and bytes that are no text."""
    try:
        return json.loads(data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _reason_in(choices: Any) -> str | None:
    first = choices[0] if isinstance(choices, list) and choices else None
    reason = first.get("finish_reason") if isinstance(first, dict) else None
    return reason if isinstance(reason, str) else None


def _tokens(count: Any) -> int | None:
    return count if type(count) is int and 0 <= count <= TOKENS_MAX else None
