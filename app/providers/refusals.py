"""What an upstream's status means for us. Its own words stay out: they may name us, our key or its insides."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import openai

from app.observability import logs
from app.providers.provider import ProviderBusy, ProviderFailed, ProviderRefused

RETRY_SECONDS, RETRY_SECONDS_MAX = 2, 300
WORDS_READ = 4000
TOO_LONG = re.compile(
    r"context.?length|context.?size|context.?window|maximum context|too many tokens|prompt is too long"
)
KEY = re.compile(r"api.?key")
UNPAID = "insufficient_quota"

log = logs.get("prome.upstreams")


def failure(provider: str, error: openai.APIStatusError) -> ProviderFailed:
    """Our key, our bill and our list of models are for the operator to mend, so those are said in a loud voice."""
    status, words = error.status_code, _words(error)
    cause = f"status {status}" + (f" {error.code}" if re.fullmatch(r"[a-z_]{1,48}", error.code or "") else "")
    retry_after_seconds = retry_after(error.response)
    if _is_for_the_operator(status, words):
        log.error("upstream_refuses_us", provider=provider, cause=cause)
        return ProviderFailed(cause, provider_is_ill=status != 404)
    if status in (400, 413, 422):
        too_long = "This conversation is too long for the model." if TOO_LONG.search(words) else None
        return ProviderRefused(cause, message=too_long, provider_is_ill=False)
    if status in (408, 409, 425, 429):
        return ProviderBusy(cause, retry_after_seconds=retry_after_seconds or RETRY_SECONDS)
    return ProviderFailed(cause, retry_after_seconds=retry_after_seconds)


def names_parameter(error: openai.BadRequestError, parameter: str) -> bool:
    return error.param == parameter or re.search(rf"\b{parameter}\b", _words(error)) is not None


def retry_after(response: httpx2.Response) -> int | None:
    """Seconds, given as such or as a date, and never more than a few minutes."""
    said = response.headers.get("Retry-After", "")
    try:
        seconds = float(said) if said[:1].isdigit() else _seconds_until(said)
    except (ValueError, TypeError):
        return None
    return max(1, min(round(seconds), RETRY_SECONDS_MAX)) if seconds < float("inf") else RETRY_SECONDS_MAX


def _seconds_until(date: str) -> float:
    at = parsedate_to_datetime(date)
    return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _is_for_the_operator(status: int, words: str) -> bool:
    wrong_key = status == 400 and KEY.search(words) is not None
    unpaid = status == 429 and UNPAID in words
    return status in (401, 402, 403, 404) or wrong_key or unpaid


def _words(error: openai.APIStatusError) -> str:
    return f"{error.code} {error.type} {error.body}"[:WORDS_READ].lower()
