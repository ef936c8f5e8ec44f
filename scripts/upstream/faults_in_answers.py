"""Faults before the first byte of a stream: no answer, another answer, or a refusal with a status."""

from __future__ import annotations

import gzip

from scripts.upstream import frames
from scripts.upstream.call import Call

# What an upstream might tell about us, and what must never reach a user.
TELLTALE = "quota of org-SECRET with key sk-secret0123456789abcdef at http://10.0.0.1/internal"


async def fault_stall_before_headers(call: Call) -> None:
    """Takes the question and says nothing."""
    await call.for_ever()


async def fault_disconnect_before_response(call: Call) -> None:
    """Takes the question and hangs up, each time."""
    call.hang_up()


async def fault_disconnect_once(call: Call) -> None:
    """Hangs up on the first question and answers the next."""
    if call.is_first_of_its_fault:
        call.hang_up()
    else:
        await call.open()
        await call.say(frames.words(3))
        await call.finish(3)


async def fault_stale_keep_alive(call: Call) -> None:
    """Answers once a connection, and hangs up on the second question that comes by it."""
    if call.asked_before_here:
        call.hang_up()
    else:
        await call.open()
        await call.say(frames.words(3))
        await call.finish(3)


async def fault_html_200(call: Call) -> None:
    """The page of some proxy, with status 200."""
    page = b"<html><body>Welcome to nginx!</body></html>"
    await call.head(200, "text/html; charset=utf-8", length=len(page))
    await call.write(page)
    await call.close()


async def fault_json_200(call: Call) -> None:
    """A whole answer as JSON where a stream was asked for."""
    await call.json(frames.completion(call.model, frames.text_of(3), "stop", 3))


async def fault_gzip_200(call: Call) -> None:
    """A stream that is packed, although nobody asked for that."""
    await call.head(Content_Encoding="gzip")
    await call.send(gzip.compress(frames.opening(call.model)))
    await call.close()


async def fault_redirect(call: Call) -> None:
    """Sends the question, and the key with it, somewhere else."""
    await call.error(307, TELLTALE, Location="http://127.0.0.1:9/elsewhere")


async def fault_401(call: Call) -> None:
    """Does not know our key."""
    await call.error(401, f"Incorrect API key provided: {TELLTALE}", "invalid_api_key")


async def fault_403(call: Call) -> None:
    """Knows our key and does not let it."""
    await call.error(403, TELLTALE, "unsupported_country_region_territory")


async def fault_404(call: Call) -> None:
    """Does not know the model."""
    await call.error(404, f"The model does not exist: {TELLTALE}", "model_not_found")


async def fault_400(call: Call) -> None:
    """Does not like the question."""
    await call.error(400, f"Invalid value: {TELLTALE}", "invalid_value")


async def fault_400_context(call: Call) -> None:
    """The conversation is longer than the model's window."""
    message = f"This model's maximum context length is 4096 tokens. {TELLTALE}"
    await call.error(400, message, "context_length_exceeded")


async def fault_400_key(call: Call) -> None:
    """Gemini's way to say that the key is wrong."""
    await call.error(400, "API key not valid. Please pass a valid API key.")


async def fault_400_max_tokens(call: Call) -> None:
    """Knows only `max_completion_tokens`, as OpenAI's newer models."""
    if "max_tokens" in call.request.body:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model."
        await call.error(400, message, "unsupported_parameter")
    else:
        await call.open()
        await call.say(frames.words(3))
        await call.finish(3)


async def fault_429(call: Call) -> None:
    """Too much is asked; says when to come back."""
    await call.error(429, f"Rate limit reached: {TELLTALE}", "rate_limit_exceeded", Retry_After="7")


async def fault_429_bare(call: Call) -> None:
    """Too much is asked; does not say when to come back."""
    await call.error(429, TELLTALE, "rate_limit_exceeded")


async def fault_429_long(call: Call) -> None:
    """Too much is asked; come back next year."""
    await call.error(429, TELLTALE, "rate_limit_exceeded", Retry_After="31536000")


async def fault_429_quota(call: Call) -> None:
    """The house has not paid."""
    await call.error(429, f"You exceeded your current quota: {TELLTALE}", "insufficient_quota")


async def fault_429_once(call: Call) -> None:
    """Too much is asked, but only the first time."""
    if call.is_first_of_its_fault:
        await fault_429(call)
    else:
        await fault_disconnect_once(call)


async def fault_500(call: Call) -> None:
    """Broken."""
    await call.error(500, TELLTALE, "server_error")


async def fault_500_html(call: Call) -> None:
    """Broken, and what says so is no JSON."""
    page = f"<html>{TELLTALE}</html>".encode()
    await call.head(502, "text/html", length=len(page))
    await call.write(page)
    await call.close()


async def fault_500_huge(call: Call) -> None:
    """Broken, and goes on about it for 64 MB."""
    await call.head(500, "text/plain")
    for _ in range(1024):
        await call.send(b"x" * 65_536)
    await call.close()


async def fault_500_stall(call: Call) -> None:
    """Broken, and never gets to why."""
    await call.head(500, "application/json", length=1000)
    await call.write(b'{"error": ')
    await call.for_ever()


async def fault_500_once(call: Call) -> None:
    """Broken, but only the first time."""
    if call.is_first_of_its_fault:
        await fault_500(call)
    else:
        await fault_disconnect_once(call)


async def fault_503(call: Call) -> None:
    """Overloaded, or still loading its model."""
    await call.error(503, f"Loading model: {TELLTALE}", Retry_After="3")
