"""A reply from the model that was asked for, or from whoever stands in for it when it fails before its first words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from app.observability.metrics import Metrics
from app.providers.breaker import Breaker, Seconds, State
from app.providers.catalogue import Model
from app.providers.provider import (
    Ask,
    Attempt,
    Hear,
    PromptMessage,
    Provider,
    ProviderBusy,
    ProviderFailed,
)
from app.providers.trying import Trying

CIRCUIT_OPEN = "circuit_open"
CIRCUITS = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


class Chains(Protocol):
    def chain(self, model: Model) -> list[Model]: ...


class Replies:
    """What was tried is on `Answering` so far, and whole on `Finished` and on the error that is raised."""

    def __init__(
        self, models: Chains, providers: Mapping[str, Provider], metrics: Metrics, seconds: Seconds = time.monotonic
    ) -> None:
        self._models, self._providers = models, providers
        self._metrics, self._seconds = metrics, seconds
        self._breakers = {name: self._breaker(name) for name in providers}

    def state(self) -> dict[str, State]:
        """Of the circuit to each provider, as this process sees it."""
        return {name: breaker.state for name, breaker in self._breakers.items()}

    async def reply(self, model: Model, messages: tuple[PromptMessage, ...], max_tokens: int, hear: Hear) -> None:
        """When all fail, the last failure is raised."""
        tried: list[Attempt] = []
        failed: ProviderFailed | None = None
        chain = self._models.chain(model)
        for candidate in chain:
            trying = self._try(candidate, tried, hear, may_be_empty=candidate is chain[-1])
            if trying is None:
                continue
            ask = Ask(candidate.upstream_model, messages, min(max_tokens, candidate.reply_tokens_max))
            try:
                with trying:
                    await self._providers[candidate.provider].reply(ask, trying.hear)
                return
            except ProviderFailed as error:
                failed = error
                if trying.has_spoken or not error.retryable:
                    break
        failed = failed or self._nobody(chain)
        failed.attempts = tuple(tried)
        raise failed

    def _try(self, model: Model, tried: list[Attempt], hear: Hear, *, may_be_empty: bool) -> Trying | None:
        breaker = self._breakers[model.provider]
        admitted = breaker.admit()
        if admitted is None:
            tried.append(Attempt(model.provider, model.id, CIRCUIT_OPEN, 0))
            self._metrics.upstream_attempts.labels(model.provider, CIRCUIT_OPEN).inc()
            return None
        return Trying(model, breaker, admitted, self._metrics, self._seconds, tried, hear, may_be_empty=may_be_empty)

    def _nobody(self, chain: Sequence[Model]) -> ProviderBusy:
        waits = [self._breakers[model.provider].retry_after_seconds() for model in chain]
        return ProviderBusy("every circuit is open", retry_after_seconds=min(waits))

    def _breaker(self, provider: str) -> Breaker:
        gauge = self._metrics.upstream_circuit.labels(provider)
        gauge.set(CIRCUITS[State.CLOSED])
        return Breaker(self._seconds, lambda state: gauge.set(CIRCUITS[state]))
