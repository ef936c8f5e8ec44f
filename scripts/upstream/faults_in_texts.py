"""Oddities that a reader must see through: the reply is good, its form is not what one expects."""

from __future__ import annotations

from typing import Any

from scripts.upstream import frames
from scripts.upstream.call import Call
from scripts.upstream.faults_in_streams import SAID, begin, raw, reply


async def fault_bom(call: Call) -> None:
    """A byte order mark at the start."""
    await call.head()
    await call.send(b"\xef\xbb\xbf" + b"".join(frames.spoken(call.model, SAID)))
    await call.finish(3)


async def fault_crlf(call: Call) -> None:
    """Lines end with CR LF, and some of them between the two."""
    await call.head()
    for piece in frames.spoken(call.model, SAID):
        halves = piece.replace(b"\n", b"\r\n")
        await call.send(halves[:-1], halves[-1:])
    await call.finish(3)


async def fault_no_space(call: Call) -> None:
    """No space after the colon."""
    await call.head()
    await call.send(*(piece.replace(b"data: ", b"data:") for piece in frames.spoken(call.model, SAID)))
    await call.finish(3)


async def fault_one_newline(call: Call) -> None:
    """No empty line between the chunks."""
    await call.head()
    await call.send(*(piece[:-1] for piece in frames.spoken(call.model, SAID)))
    await call.finish(3)


async def fault_many_lines(call: Call) -> None:
    """One chunk over many lines."""
    await reply(call, b'data: {"choices": [\ndata: {"delta":\ndata:   {"content": " split"}}\ndata: ]}\n\n')


async def fault_comments(call: Call) -> None:
    """Comments, names, ids and delays between the words."""
    await reply(call, b": OPENROUTER PROCESSING\n\n", b"event: ping\nid: 7\nretry: 10\ndata\n\n", b"\n\n\n")


async def fault_no_last_newline(call: Call) -> None:
    """The very last line has no end."""
    await begin(call)
    await call.send(frames.event(frames.chunk(call.model, {}, "stop")).rstrip())
    await call.close()


async def fault_surrogates(call: Call) -> None:
    """Characters halved between two deltas, and halves that stay alone."""
    halves = [r"\ud83e", r"\udd8a", r"\ud800", "x", r"\udfff", r"\ud83d"]
    await reply(call, *(raw('{"choices":[{"delta":{"content":"' + half + '"}}]}') for half in halves))


async def fault_nul(call: Call) -> None:
    """NUL in the words."""
    await reply(call, raw(r'{"choices":[{"delta":{"content":" a\u0000b"}}]}'), *frames.spoken(call.model, ["\0"]))


async def _with_usage(call: Call, *usages: Any) -> None:
    await begin(call)
    await call.finish(3, usages=usages)


async def fault_usage_missing(call: Call) -> None:
    """Does not say what it counted."""
    await _with_usage(call)


async def fault_usage_absurd(call: Call) -> None:
    """Counts more than there is."""
    await _with_usage(call, {"prompt_tokens": 2**63, "completion_tokens": 2**63, "total_tokens": 2**64})


async def fault_usage_negative(call: Call) -> None:
    """Counts below nothing."""
    await _with_usage(call, {"prompt_tokens": -5, "completion_tokens": -1, "total_tokens": -6})


async def fault_usage_string(call: Call) -> None:
    """Counts in words."""
    await _with_usage(call, {"prompt_tokens": "seven", "completion_tokens": None, "total_tokens": [1]}, "a lot")


async def fault_usage_fraction(call: Call) -> None:
    """Counts in fractions, and more of them than a number can hold."""
    await _with_usage(call, {"prompt_tokens": 1e308, "completion_tokens": 2.5}, {"prompt_tokens": True})


async def fault_usage_twice(call: Call) -> None:
    """Counts again; the last word counts."""
    await _with_usage(call, frames.counted(1), frames.counted(3))
