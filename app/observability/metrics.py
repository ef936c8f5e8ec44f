"""What is counted. The names are a promise to whoever draws a dashboard, so they are all here."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry an app, so that two apps in one process (every test) do not count into each other."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "prome_requests_total", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "prome_request_seconds",
            "Time to the first byte of the answer",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.requests_open = Gauge("prome_requests_open", "Requests being answered now", registry=self.registry)
        self.passwords_waiting = Gauge(
            "prome_passwords_waiting", "Passwords that wait to be hashed", registry=self.registry
        )
        self.sign_ins = Counter("prome_sign_ins_total", "Attempts to sign in", ["outcome"], registry=self.registry)
        self.mails = Counter(
            "prome_mails_total", "Mails handed to the mail server", ["outcome"], registry=self.registry
        )
        self.tokens_charged = Counter("prome_tokens_charged_total", "Tokens charged", registry=self.registry)
        self.tokens_lost = Counter(
            "prome_tokens_lost_total", "Tokens used beyond their hold, at the house's cost", registry=self.registry
        )
        self.holds_expired = Counter("prome_holds_expired_total", "Holds whose owner died", registry=self.registry)
        self.ledger_differences = _ledger_differences(self.registry)
        self.payment_alerts = _payment_alerts(self.registry)
        self.upstream_attempts = Counter(
            "prome_upstream_attempts_total", "Questions to a provider", ["provider", "outcome"], registry=self.registry
        )
        self.upstream_first_words_seconds = Histogram(
            "prome_upstream_first_words_seconds",
            "Time from a question to the first words of its answer",
            ["provider"],
            buckets=(*SECONDS, 20, 30, 60),
            registry=self.registry,
        )
        self.upstream_circuit = Gauge(
            "prome_upstream_circuit", "0 closed, 1 half open, 2 open", ["provider"], registry=self.registry
        )
        self.titles = Counter(
            "prome_titles_total", "Conversations that the model was to name", ["outcome"], registry=self.registry
        )
        self.house_cost_micro_usd = Counter(
            "prome_house_cost_micro_usd_total",
            "What upstreams take for what nobody is charged for",
            ["purpose"],
            registry=self.registry,
        )

    def exposition(self) -> bytes:
        return generate_latest(self.registry)


def _ledger_differences(registry: CollectorRegistry) -> Gauge:
    return Gauge("prome_ledger_differences", "Broken promises found by the last reconciliation", registry=registry)


def _payment_alerts(registry: CollectorRegistry) -> Counter:
    return Counter("prome_payment_alerts_total", "What somebody has to look at", ["kind"], registry=registry)
