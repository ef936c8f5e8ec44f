"""Faults in the middle of a stream. Most say the same three words first."""

from __future__ import annotations

import asyncio

from scripts.upstream import frames
from scripts.upstream.call import PIECE_BYTES, Call
from scripts.upstream.faults_in_answers import TELLTALE

SAID = frames.words(3)
HUGE_BYTES = 64 * 2**20
SLOW_SECONDS = 0.2
PING_SECONDS = 0.02


async def begin(call: Call) -> None:
    await call.open()
    await call.say(SAID)


async def reply(call: Call, *between: bytes) -> None:
    """A good reply with something in its middle."""
    await begin(call)
    await call.send(*between)
    await call.say([" more"])
    await call.finish(4)


def raw(text: str) -> bytes:
    return f"data: {text}\n\n".encode()


async def fault_cut(call: Call) -> None:
    """Hangs up in the middle of the words."""
    await begin(call)
    call.hang_up()


async def fault_rst(call: Call) -> None:
    """The connection is reset in the middle of the words."""
    await begin(call)
    await asyncio.sleep(0.05)
    call.reset()


async def fault_cut_in_character(call: Call) -> None:
    """Hangs up in the middle of a character of many bytes."""
    await begin(call)
    await call.send(frames.event(frames.chunk(call.model, {"content": "🦊"})).partition("🦊".encode())[0] + b"\xf0\x9f")
    call.hang_up()


async def fault_no_finish(call: Call) -> None:
    """The body ends in good order, but nobody said that the reply is complete."""
    await begin(call)
    await call.close()


async def fault_done_without_finish(call: Call) -> None:
    """[DONE], but nobody said why."""
    await begin(call)
    await call.send(frames.DONE)
    await call.close()


async def fault_wrong_content_length(call: Call) -> None:
    """Promises more bytes than come, and hangs up."""
    await call.head(length=10_000_000)
    await call.write(frames.opening(call.model) + b"".join(frames.spoken(call.model, SAID)))
    call.hang_up()


async def fault_short_content_length(call: Call) -> None:
    """More bytes come than were promised."""
    whole = frames.opening(call.model) + b"".join(frames.spoken(call.model, SAID))
    await call.head(length=len(whole))
    await call.write(whole + frames.DONE)
    await call.close()


async def fault_chunked_garbage(call: Call) -> None:
    """The framing of the body breaks."""
    await begin(call)
    await asyncio.sleep(0.05)
    await call.write(b"zz\r\nrubbish\r\n")
    await call.for_ever()


async def fault_stall(call: Call) -> None:
    """Falls silent in the middle of the words."""
    await begin(call)
    await call.for_ever()


async def fault_stall_before_content(call: Call) -> None:
    """Opens the stream and falls silent."""
    await call.open()
    await call.for_ever()


async def fault_stall_after_finish(call: Call) -> None:
    """The reply is complete, and the stream does not end."""
    await begin(call)
    await call.send(frames.event(frames.chunk(call.model, {}, "stop")))
    await call.for_ever()


async def fault_pings_only(call: Call) -> None:
    """Comments for ever."""
    await call.open()
    while True:
        await call.send(b": ping\n\n")
        await asyncio.sleep(PING_SECONDS)


async def fault_pings_midway(call: Call) -> None:
    """A few words, then empty deltas for ever."""
    await begin(call)
    while True:
        await call.send(b": ping\n\n", *frames.spoken(call.model, [""]))
        await asyncio.sleep(PING_SECONDS)


async def fault_ping_storm(call: Call) -> None:
    """Comments for ever, as fast as they are read."""
    await begin(call)
    while True:
        await call.send(b": ping\n\n" * 8000)
        await asyncio.sleep(0)


async def fault_drip(call: Call) -> None:
    """A good reply, one byte at a time."""
    await call.head()
    pieces = [frames.opening(call.model), *frames.spoken(call.model, SAID)]
    for byte in b"".join([*pieces, *frames.ending(call.model, "stop", 3, with_usage=True)]):
        await call.send(bytes([byte]))
        await asyncio.sleep(0)
    await call.close()


async def fault_slow_first(call: Call) -> None:
    """A good reply, but the first words take their time."""
    await call.open()
    await asyncio.sleep(SLOW_SECONDS)
    await call.say(SAID)
    await call.finish(3)


async def fault_huge_chunk(call: Call) -> None:
    """One chunk of 64 MB without a line's end."""
    await begin(call)
    await call.write(b"%x\r\n" % HUGE_BYTES)
    for _ in range(HUGE_BYTES // PIECE_BYTES):
        await call.write(b"x" * PIECE_BYTES)
    await call.write(b"\r\n")
    await call.close()


async def fault_long_line(call: Call) -> None:
    """A delta of 2 MiB in one line."""
    await begin(call)
    await call.say(["x" * 2**21])
    await call.finish(4)


async def fault_huge_total(call: Call) -> None:
    """Words without end."""
    await begin(call)
    while True:
        await call.say([" word" * 10] * 200)
        await asyncio.sleep(0)


async def fault_deep_json(call: Call) -> None:
    """A chunk that is nested beyond reason."""
    await begin(call)
    await call.send(raw('{"choices":' + "[" * 100_000))
    await call.finish(3)


async def fault_bad_json(call: Call) -> None:
    """A chunk that is no JSON."""
    await begin(call)
    await call.send(raw('{"choices": [{"delta": {"content": "oh'))
    await call.finish(3)


async def fault_bad_utf8(call: Call) -> None:
    """A chunk with bytes that are no text."""
    await reply(call, b'data: {"choices":[{"delta":{"content":" \xff!"}}]}\n\n')


async def fault_nulls(call: Call) -> None:
    """Null, empty and odd wherever something is expected."""
    odd = ["null", "[]", "7", '""', "{}", '{"choices":null}', '{"choices":[]}', '{"choices":[null]}']
    odd += ['{"choices":[{}]}', '{"choices":[{"delta":null}]}', '{"choices":[{"delta":{"content":null}}]}']
    odd += ['{"choices":[{"delta":{"content":7},"finish_reason":7}]}', '{"choices":{"a":1},"usage":null,"error":null}']
    await reply(call, *map(raw, odd))


async def fault_empty(call: Call) -> None:
    """Complete without a word."""
    await call.open()
    await call.finish(0)


async def fault_error_in_stream(call: Call) -> None:
    """Breaks in the middle of the words and says so."""
    await begin(call)
    await call.send(frames.event({"error": {"message": TELLTALE, "type": "server_error", "code": 500}}))
    await call.close()


async def fault_error_first(call: Call) -> None:
    """Too busy, said inside the stream."""
    await call.head()
    await call.send(b"event: error\n" + frames.event({"error": {"message": TELLTALE, "code": 429}}))
    await call.close()


async def fault_finish_twice(call: Call) -> None:
    """Two reasons; the first is the one."""
    await begin(call)
    await call.send(frames.event(frames.chunk(call.model, {}, "length")))
    await call.finish(3)


async def fault_words_after_finish(call: Call) -> None:
    """Goes on after it has finished."""
    await begin(call)
    await call.send(frames.event(frames.chunk(call.model, {}, "stop")))
    await call.say([" beyond", " the end"])
    await call.finish(5)


async def fault_tool_call(call: Call) -> None:
    """Wants a tool that nobody offered."""
    await begin(call)
    wish = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    await call.send(frames.event(frames.chunk(call.model, wish)))
    await call.finish(3, "tool_calls")


async def fault_filtered(call: Call) -> None:
    """Stopped by the upstream's own filter."""
    await begin(call)
    await call.finish(3, "content_filter")


async def fault_odd_reason(call: Call) -> None:
    """A reason that nobody has heard of."""
    await begin(call)
    await call.finish(3, "eos_token_found")
