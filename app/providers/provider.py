"""What a source of replies is: it is asked once, and it answers in parts.

The parts of a reply come in this order: `Answering`, any number of `Words`, at most one `Reported`, and `Finished` as
the last. Anything else is a failure and is raised as one of the errors below.

Whoever asks hears the parts as they come, in the very step that read them from the wire: nothing is woken in between.
To cancel `reply` is what hangs up, and so is whatever the listener raises; `Enough` is there for that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from app.errors import AppError

Role = Literal["system", "user", "assistant"]
Reason = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one provider, as the receipt lists it."""

    provider: str
    model: str
    outcome: str
    milliseconds: int


class ProviderFailed(AppError):
    """The message is for people and says nothing of the upstream; `cause` is for the log alone."""

    status, code, message = 502, "provider_failed", "The model could not answer. Please try again."
    retryable = True

    def __init__(
        self,
        cause: str = "",
        *,
        message: str | None = None,
        retry_after_seconds: int | None = None,
        provider_is_ill: bool = True,
    ) -> None:
        headers = {"Retry-After": str(retry_after_seconds)} if retry_after_seconds is not None else {}
        super().__init__(message, headers=headers)
        self.cause = cause
        self.retry_after_seconds = retry_after_seconds
        # Whether it speaks against the provider, or only against this question or this model.
        self.provider_is_ill = provider_is_ill
        # Everything that was tried until here, this failure included, when more than one could be asked.
        self.attempts: tuple[Attempt, ...] = ()


class ProviderTimeout(ProviderFailed):
    status, code, message = 504, "provider_timeout", "The model took too long to answer. Please try again."


class ProviderBusy(ProviderFailed):
    status, code, message = 503, "provider_busy", "The model is busy just now. Please try again shortly."


class UpstreamTruncated(ProviderFailed):
    code, message = "upstream_truncated", "The answer broke off before its end. What arrived is kept."


class ProviderRefused(ProviderFailed):
    """The request itself is not to the upstream's liking; asking again changes nothing."""

    code, message = "provider_refused", "The model did not accept this conversation."
    retryable = False


@dataclass(frozen=True, slots=True)
class PromptMessage:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers. It comes before the first words, as soon as that is certain; the last attempt is this one."""

    model: str
    attempts: tuple[Attempt, ...] = ()


# Not frozen, because that makes it three times as slow to create, and there is one for every read.
@dataclass(slots=True)
class Words:
    """The deltas that arrived together, none of them empty."""

    texts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reported:
    """What the provider says it counted; kept beside our own count and never billed."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Finished:
    reason: Reason
    # Every attempt with its outcome, by whoever chose among many.
    attempts: tuple[Attempt, ...] = ()


Part = Answering | Words | Reported | Finished
# Something to be done before more is read.
Pause = Callable[[], Awaitable[None]]
Hear = Callable[[Part], Pause | None]


class Enough(Exception):
    """Raised by a listener that wants no more of a reply."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to one model, whose name is the one its provider knows it by."""

    upstream_model: str
    messages: tuple[PromptMessage, ...]
    max_tokens: int


class Provider(Protocol):
    """One upstream. It tells `Words`, `Reported` and `Finished`; who answers is for the one who chose it to say."""

    name: str

    async def reply(self, ask: Ask, hear: Hear) -> None: ...

    async def close(self) -> None: ...
