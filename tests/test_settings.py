"""What an operator may set, what is refused, and what is never shown."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.settings import DEVELOPMENT_SECRET, Settings, UnsafeSettings, read_settings

SECRET = "a-secret-of-our-own-that-is-long-enough"
SAFE = {
    "environment": "production",
    "frontend_url": "https://chat.example.com",
    "jwt_secret": SECRET,
    "database_url": "postgresql://prome:hunter2@db/prome",
}
PAID = {"stripe_secret_key": "sk_live_123", "stripe_webhook_secret": "whsec_123"}


def read(**values: Any) -> Settings:
    """Without the `.env` of whoever runs the tests."""
    return read_settings(_env_file=None, **values)


def refused(**values: Any) -> list[str]:
    with pytest.raises(UnsafeSettings) as refusal:
        read(**values)
    return refusal.value.faults


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("sqlite:///data/it.db", "sqlite+aiosqlite:///data/it.db"),
        ("sqlite:////var/lib/it.db", "sqlite+aiosqlite:////var/lib/it.db"),
        ("sqlite+aiosqlite:///it.db", "sqlite+aiosqlite:///it.db"),
        ("postgres://me:pw@db/it", "postgresql+asyncpg://me:pw@db/it"),
        ("postgresql://me:pw@db:5433/it", "postgresql+asyncpg://me:pw@db:5433/it"),
        ("postgresql+asyncpg://db/it", "postgresql+asyncpg://db/it"),
        ("postgres:///it?host=/run/postgresql", "postgresql+asyncpg:///it?host=/run/postgresql"),
        ("postgres://me:p%2Fw@a@[::1]:1,b/it", "postgresql+asyncpg://me:p%2Fw@a@[::1]:1,b/it"),
        ("postgres://db/it?user=me%40db&ssl=require", "postgresql+asyncpg://db/it?user=me%40db&ssl=require"),
        (" postgres://db/it\n", "postgresql+asyncpg://db/it"),
    ],
)
def test_every_common_spelling_of_a_database_becomes_the_async_one(written: str, used: str) -> None:
    assert read(database_url=written).database_url == used


@pytest.mark.parametrize(
    "written",
    [
        "mysql://me:hunter2@db/it",
        "postgresql+psycopg2://me:hunter2@db/it",
        "postgres://",
        "sqlite://it.db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///it.db?mode=ro",
        "it.db",
    ],
)
def test_any_other_database_is_refused_without_showing_its_password(written: str) -> None:
    faults = refused(database_url=written)

    assert faults == ["DATABASE_URL: must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."]


@pytest.mark.parametrize("sign", ["/", "#", "?", "[", "]", "/?x=1#", "?x=1&y=2"])
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("database_url", "postgres://me:{}@db/it"),
        ("database_url", "postgres://me:{}@db:5432/it?ssl=require"),
        ("redis_url", "rediss://:{}@r:6379/0"),
        ("smtp_url", "smtp://me:{}@mail:587"),
    ],
)
@pytest.mark.parametrize("around", ["hunter{}2", "12{}hunter2"])
def test_a_password_that_would_tear_its_url_apart_is_refused_and_not_shown(
    name: str, url: str, sign: str, around: str
) -> None:
    (fault,) = refused(**{name: url.format(around.format(sign))})

    assert fault.startswith(f"{name.upper()}: percent-encode")
    assert "hunter" not in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("redis_url", url) for url in ("notaurl", "http://r:6379", "redis://", "redis://r:port", "redis://r/first")],
        *[("smtp_url", url) for url in ("foo", "mail.example.com:587", "smtp://", "smtp://mail:port", "https://mail")],
    ],
)
def test_what_is_no_address_of_redis_or_of_a_mail_server_is_refused(name: str, value: str) -> None:
    (fault,) = refused(**{name: value})

    assert fault.startswith(f"{name.upper()}: must be {name.partition('_')[0]}[s]://")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("redis_url", url)
            for url in ("redis://r", "rediss://me:p%2Fw@r:1/2?socket_timeout=1", "unix:///run/r.sock?db=1")
        ],
        *[("smtp_url", url) for url in ("smtp://mail", "smtps://me@x.example:p%2F:w@mail:465", "smtp://[::1]:25/")],
    ],
)
def test_every_usual_address_of_redis_and_of_a_mail_server_is_taken(name: str, value: str) -> None:
    found = getattr(read(**{name: f" {value}\n"}), name)

    assert (found if isinstance(found, str) else found.get_secret_value()) == value


def test_without_any_setting_it_runs_on_a_file_under_data() -> None:
    settings = read()

    assert settings.database_url == "sqlite+aiosqlite:///data/prome.db"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert not settings.in_production


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("port", "eighty", "PORT: must be a whole number."),
        ("port", "70000", "PORT: must be 65535 or less."),
        ("workers", "0", "WORKERS: must be 1 or more."),
        ("welcome_tokens", "1.5", "WELCOME_TOKENS: must be a whole number."),
        ("environment", "prod", "ENVIRONMENT: must be development, production or test."),
        ("stripe_sandbox", "on", "STRIPE_SANDBOX: must be auto or off."),
    ],
)
def test_a_wrong_value_is_named_in_plain_words(name: str, value: str, fault: str) -> None:
    assert refused(**{name: value}) == [fault]


def test_a_secret_in_the_wrong_line_is_not_read_out() -> None:
    faults = refused(port=SECRET, workers=SECRET, environment=SECRET, database_url=SECRET)

    assert len(faults) == 4
    assert SECRET not in "\n".join(faults)


@pytest.mark.parametrize("more", [{}, PAID, {"stripe_secret_key": "sk_test_1", "stripe_webhook_secret": "whsec_1"}])
def test_a_safe_production_is_accepted(more: dict[str, str]) -> None:
    assert read(**SAFE, **more).in_production


@pytest.mark.parametrize(
    ("unsafe", "fault"),
    [
        ({"jwt_secret": DEVELOPMENT_SECRET}, "JWT_SECRET: set a secret of your own"),
        ({"jwt_secret": "short"}, "JWT_SECRET: use at least 32 bytes."),
        ({"frontend_url": ""}, "FRONTEND_URL: set the public address"),
        ({"frontend_url": "http://chat.example.com"}, "FRONTEND_URL: use https"),
        ({"cors_origins": "https://a.example,*"}, "CORS_ORIGINS: `*` would open"),
        ({"stripe_secret_key": "sk_live_123"}, "STRIPE_WEBHOOK_SECRET: payments need it."),
        ({**PAID, "stripe_webhook_secret": " "}, "STRIPE_WEBHOOK_SECRET: payments need it."),
        ({**PAID, "stripe_secret_key": "sk_test_sandbox"}, "STRIPE_SECRET_KEY: the sandbox till is not for"),
        ({"stripe_api_base": "http://localhost:8000/_stripe"}, "STRIPE_SECRET_KEY: the sandbox till is not for"),
        ({**PAID, "stripe_api_base": "https://api.stripe.com.evil.example"}, "STRIPE_API_BASE: a live key goes to"),
        ({"jwt_secret": f"{DEVELOPMENT_SECRET} "}, "JWT_SECRET: set a secret of your own"),
        ({"jwt_secret": f"short{' ' * 32}"}, "JWT_SECRET: use at least 32 bytes."),
        ({**PAID, "stripe_secret_key": " sk_test_sandbox\n"}, "STRIPE_SECRET_KEY: the sandbox till is not for"),
        (
            {**PAID, "stripe_secret_key": " sk_live_1", "stripe_api_base": "http://127.0.0.1:1"},
            "STRIPE_API_BASE: a live key goes to",
        ),
        ({"bcrypt_cost": 4}, "BCRYPT_COST: use 10 or more."),
        ({"workers": 2}, "WORKERS: more than one worker needs REDIS_URL"),
        ({"workers": 2, "redis_url": "redis://r", "database_url": "sqlite:///a.db"}, "WORKERS: SQLite serves one"),
    ],
)
def test_an_unsafe_production_is_refused(unsafe: dict[str, Any], fault: str) -> None:
    faults = refused(**{**SAFE, **unsafe})

    assert len(faults) == 1, faults
    assert faults[0].startswith(fault)


def test_every_fault_is_named_at_once_whether_it_is_wrong_or_unsafe() -> None:
    faults = refused(environment="production", port="eighty", jwt_secret="short", cors_origins="*", bcrypt_cost=5)

    named = [fault.partition(":")[0] for fault in faults]
    assert named == ["PORT", "JWT_SECRET", "FRONTEND_URL", "CORS_ORIGINS", "BCRYPT_COST"]


def test_the_refusal_lists_one_fault_a_line() -> None:
    refusal = UnsafeSettings(["A: is wrong.", "B: is too."])

    assert str(refusal) == "Prome does not start with these settings:\n  - A: is wrong.\n  - B: is too."


def test_a_live_key_goes_to_stripe_only_in_development_too() -> None:
    faults = refused(stripe_secret_key="rk_live_1", stripe_api_base="http://127.0.0.1:1234")

    assert faults == ["STRIPE_API_BASE: a live key goes to Stripe only."]


def test_a_space_that_came_along_is_no_part_of_a_key_or_an_address() -> None:
    settings = read(stripe_secret_key=" sk_test_1\n", stripe_api_base=" https://api.stripe.com ", openai_api_key="k\n")

    assert settings.stripe_secret_key.get_secret_value() == "sk_test_1"
    assert (settings.stripe_api_base, settings.openai_api_key.get_secret_value()) == ("https://api.stripe.com", "k")


def test_a_secret_of_our_own_is_taken_to_the_letter() -> None:
    assert read(jwt_secret=f" {SECRET}\n", password_pepper="p ").jwt_secret.get_secret_value() == f" {SECRET}\n"


def test_development_needs_no_secret_of_its_own() -> None:
    assert read(cors_origins="*", bcrypt_cost=4).jwt_secret.get_secret_value() == DEVELOPMENT_SECRET


def test_settings_cannot_be_changed_once_they_are_read() -> None:
    settings = read()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_no_way_of_printing_settings_shows_a_secret() -> None:
    secrets = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    urls = {
        "database_url": "postgres://me:hunter2@db/it?password=hunter2",
        "redis_url": "redis://:hunter2@r/0",
        "openai_base_url": "https://me:hunt@hunter2@up.example/v1",
    }

    settings = read(**{**dict.fromkeys(secrets, "hunter2"), "smtp_url": "smtp://me:hunter2@mail"}, **urls)

    assert len(secrets) >= 8
    for shown in (repr(settings), str(settings), f"{settings!r:.9999}"):
        assert "hunter2" not in shown
        assert "@db/it" in shown


def test_lists_are_written_with_commas() -> None:
    settings = read(cors_origins=" https://a.example , https://b.example,, ", allowed_hosts="chat.example.com")

    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.allowed_hosts == ("chat.example.com",)
    assert read(cors_origins="").cors_origins == ()


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
