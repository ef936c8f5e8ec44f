"""Which Stripe we talk to, and that a live key never meets anything but Stripe."""

from __future__ import annotations

from typing import Any

import pytest

from app.billing.till import SANDBOX_KEY, account_of
from app.settings import STRIPE_API, Settings, UnsafeSettings, read_settings


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(
    ("key", "mode"), [("sk_test_1", "test"), ("rk_test_1", "test"), ("sk_live_1", "live"), ("rk_live_1", "live")]
)
def test_a_key_of_ones_own_means_stripe_itself(key: str, mode: str) -> None:
    account = account_of(settings(stripe_secret_key=f" {key}\n", stripe_webhook_secret=" whsec_1, whsec_2 ,"))

    assert account is not None
    assert (account.key, account.base, account.mode) == (key, STRIPE_API, mode)
    assert account.secrets == ("whsec_1", "whsec_2")


def test_no_key_means_the_sandbox_of_this_server_with_a_secret_that_every_start_knows() -> None:
    account, again = account_of(settings(port=8123)), account_of(settings(port=8123))
    other = account_of(settings(port=8123, jwt_secret="another secret that is long enough to be one"))

    assert account == again
    assert account is not None
    assert other is not None
    assert (account.key, account.base, account.mode) == (SANDBOX_KEY, "http://127.0.0.1:8123/_stripe", "sandbox")
    assert account.secrets[0].startswith("whsec_")
    assert account.secrets != other.secrets


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000/_stripe"),
        ("::", "http://[::1]:8000/_stripe"),
        ("10.1.2.3", "http://10.1.2.3:8000/_stripe"),
    ],
)
def test_the_sandbox_is_asked_at_an_address_that_leads_to_this_server(host: str, base: str) -> None:
    account = account_of(settings(host=host))

    assert account is not None
    assert account.base == base


@pytest.mark.parametrize(
    "values",
    [
        {"stripe_sandbox": "off"},
        {"environment": "production", "frontend_url": "https://a.example", "jwt_secret": "x" * 40},
    ],
)
def test_without_a_key_payments_are_off_in_production_and_when_the_sandbox_is(values: dict[str, Any]) -> None:
    assert account_of(settings(**values)) is None


def test_neither_key_nor_secrets_are_shown() -> None:
    account = account_of(settings(stripe_secret_key="sk_test_hidden", stripe_webhook_secret="whsec_hidden"))

    assert "hidden" not in repr(account)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"stripe_secret_key": "sk_live_1", "stripe_api_base": "http://127.0.0.1:4242"}, "STRIPE_API_BASE"),
        ({"stripe_secret_key": "rk_live_1", "stripe_api_base": "https://api.stripe.com.evil.org"}, "STRIPE_API_BASE"),
        ({"environment": "production", "stripe_secret_key": SANDBOX_KEY}, "STRIPE_SECRET_KEY"),
        ({"environment": "production", "stripe_secret_key": "sk_live_1"}, "STRIPE_WEBHOOK_SECRET"),
        ({"environment": "production", "stripe_secret_key": "sk_live_1", "stripe_webhook_secret": " , "},
         "STRIPE_WEBHOOK_SECRET"),
    ],
)  # fmt: skip
def test_what_would_lose_money_does_not_start(values: dict[str, Any], fault: str) -> None:
    safe = {"frontend_url": "https://a.example", "jwt_secret": "x" * 40, "_env_file": None}

    with pytest.raises(UnsafeSettings) as refused:
        read_settings(**{**safe, **values})

    assert fault in str(refused.value)
