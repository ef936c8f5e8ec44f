"""One try of one model: what it lets through, and how it went, for the receipt, the breaker and the metrics."""

from __future__ import annotations

from types import TracebackType

from app.observability import logs
from app.observability.metrics import Metrics
from app.providers.breaker import Breaker, Pass, Seconds
from app.providers.catalogue import Model
from app.providers.provider import Answering, Attempt, Finished, Hear, Part, Pause, ProviderFailed, Reported, Words

ANSWERING, ANSWERED, EMPTY, LEFT = "answering", "answered", "empty", "left"

log = logs.get("prome.upstreams")


class Empty(ProviderFailed):
    """Finished without a word. It happens, and somebody else may have one."""


class Trying:
    """Used as a context around the reading; `tried` grows by one when it ends, in whatever way."""

    def __init__(
        self,
        model: Model,
        breaker: Breaker,
        admitted: Pass,
        metrics: Metrics,
        seconds: Seconds,
        tried: list[Attempt],
        hear: Hear,
        *,
        may_be_empty: bool,
    ) -> None:
        self._model, self._tried = model, tried
        self._hear, self._may_be_empty = hear, may_be_empty
        self._breaker, self._admitted = breaker, admitted
        self._metrics, self._seconds = metrics, seconds
        self._started = seconds()
        self._is_over = False
        self._reported: Reported | None = None
        self.has_spoken = False

    def __enter__(self) -> Trying:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._is_over or error is None:
            return
        if not isinstance(error, ProviderFailed):
            self._end(LEFT)
            self._breaker.left(self._admitted)
            return
        outcome = EMPTY if isinstance(error, Empty) else error.code
        self._end(outcome)
        provider, model = self._model.provider, self._model.id
        log.warning("upstream_failed", provider=provider, model=model, outcome=outcome, cause=error.cause)
        if error.provider_is_ill:
            self._breaker.failed(self._admitted)
        else:
            self._breaker.left(self._admitted)

    def hear(self, part: Part) -> Pause | None:
        """Passes it on, and nobody is said to answer before there is something to say."""
        if type(part) is Words:
            if not self.has_spoken:
                self._speak()
            return self._hear(part)
        if isinstance(part, Finished):
            self._finish(part)
        elif self.has_spoken:
            self._hear(part)
        elif isinstance(part, Reported):
            self._reported = part
        return None

    def _finish(self, part: Finished) -> None:
        if not self.has_spoken:
            if not self._may_be_empty:
                raise Empty("not a word", provider_is_ill=False)
            self._speak()
            if self._reported is not None:
                self._hear(self._reported)
        self._end(ANSWERED)
        self._breaker.succeeded(self._admitted)
        self._hear(Finished(part.reason, tuple(self._tried)))

    def _speak(self) -> None:
        self.has_spoken = True
        self._breaker.spoke(self._admitted)
        self._metrics.upstream_first_words_seconds.labels(self._model.provider).observe(self._seconds() - self._started)
        self._hear(Answering(self._model.id, (*self._tried, self._as_attempt(ANSWERING))))

    def _end(self, outcome: str) -> None:
        self._is_over = True
        self._tried.append(self._as_attempt(outcome))
        self._metrics.upstream_attempts.labels(self._model.provider, outcome).inc()

    def _as_attempt(self, outcome: str) -> Attempt:
        took = round((self._seconds() - self._started) * 1000)
        return Attempt(self._model.provider, self._model.id, outcome, took)
