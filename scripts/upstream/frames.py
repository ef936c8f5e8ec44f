"""What goes over the wire, ready-made where it is always the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

WORDS = (
    *("The", " quick", " brown", " fox", " jumps", " over", " the", " lazy", " dog", ".", " Größe"),
    *(" 東京", " 🦊", " naïve", "\n", " end"),
)
PROMPT_TOKENS = 7
DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"0\r\n\r\n"


def words(count: int) -> list[str]:
    """One word is one token here."""
    return [WORDS[number % len(WORDS)] for number in range(count)]


def text_of(count: int) -> str:
    return "".join(words(count))


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def chunk(model: str, delta: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": reason}
    return {**_head(model, "chat.completion.chunk"), "choices": [choice], **more}


def usage(model: str, counts: Any) -> dict[str, Any]:
    return {**_head(model, "chat.completion.chunk"), "choices": [], "usage": counts}


def counted(completion_tokens: int) -> dict[str, int]:
    total = PROMPT_TOKENS + completion_tokens
    return {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": completion_tokens, "total_tokens": total}


def completion(model: str, text: str, reason: str, tokens: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return {**_head(model, "chat.completion"), "choices": [choice], "usage": counted(tokens)}


def in_chunks(pieces: Iterable[bytes]) -> bytes:
    """Each piece as a chunk of its own, the way a server sends what it flushes one by one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def spoken(model: str, texts: Sequence[str]) -> list[bytes]:
    return [event(chunk(model, {"content": text})) for text in texts]


def opening(model: str) -> bytes:
    return event(chunk(model, {"role": "assistant", "content": ""}))


def ending(model: str, reason: str, tokens: int, *, with_usage: bool) -> list[bytes]:
    counts = [event(usage(model, counted(tokens)))] if with_usage else []
    return [event(chunk(model, {}, reason)), *counts, DONE]


@lru_cache(maxsize=64)
def whole_reply(model: str, tokens: int, reason: str, *, with_usage: bool) -> bytes:
    """A reply without pauses in one piece of bytes, so that whoever measures a client does not measure us."""
    pieces = [opening(model), *spoken(model, words(tokens)), *ending(model, reason, tokens, with_usage=with_usage)]
    return in_chunks(pieces) + LAST_CHUNK


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-fake", "object": kind, "created": 1_760_000_000, "model": model}
