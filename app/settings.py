"""Everything that may differ between two deployments: read once, frozen, handed down.

The environment variable is the field's name in capitals. README's table and `.env.example` are tested against this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEVELOPMENT_SECRET = "development-only-secret-that-production-refuses"
SECRET_BYTES_MIN = 32
STRIPE_API = "https://api.stripe.com"
OPENAI_API = "https://api.openai.com/v1"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What a URL is made of. A sign that divides its parts, left as it is in a password, makes other parts of the rest.
WHO, NAME, PORT = r"(?:[^/?#\[\]]*@)?", r"(?:\[[\da-fA-F:.%]+\]|[^\[\]:/?#@,\s]+)", r"(?::\d{1,5})?"
MORE = r"(?:\?(?:[\w.-]+=[^&#@]*(?:&|$))*)?"
PERCENT_ENCODE = (
    "percent-encode what is neither a letter nor a digit in its password (`/` is `%2F`), "
    "or take a password from `openssl rand -hex 24`"
)
URL_SECRETS = re.compile(r"(?<=://)\S*(?=@)|(?<=password=)[^&\s]*")
Strings = Annotated[tuple[str, ...], NoDecode]
# Not the secrets of our own: whatever stands in them has signed and hashed what is there already.
TRIMMED = (
    *("frontend_url", "redis_url", "smtp_url", "openai_api_key", "openai_base_url", "openai_model", "gemini_api_key"),
    *("stripe_secret_key", "stripe_publishable_key", "stripe_api_base"),
)


class UnsafeSettings(Exception):
    """Says every fault at once, so that an operator mends them in one go."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("Prome does not start with these settings:\n" + "\n".join(f"  - {fault}" for fault in faults))


class Settings(BaseSettings):
    # An empty value is one that is not set: a line of `.env` left open is no mistake.
    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on")
    host: str = Field("127.0.0.1", description="Address to listen on")
    environment: Literal["development", "production", "test"] = Field(
        "development", description="`production` refuses unsafe settings and logs JSON"
    )
    frontend_url: str = Field("", description="Public base URL; empty: `http://HOST:PORT`")
    allowed_hosts: Strings = Field(
        (), description="Host names we answer to, comma-separated; empty: that of FRONTEND_URL"
    )
    cors_origins: Strings = Field((), description="Other origins whose pages may call the API, comma-separated")
    trusted_proxies: str = Field("127.0.0.1", description="Addresses whose `X-Forwarded-For` we believe")
    workers: int = Field(1, ge=1, le=64, description="Server processes; more than one needs Postgres and Redis")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="The least that is logged")
    registrations_per_hour: int = Field(50, ge=1, description="New accounts from one network address in an hour")
    metrics_token: SecretStr = Field(SecretStr(""), description="Bearer token for `/metrics`; empty: loopback only")

    database_url: str = Field(
        "sqlite:///data/prome.db", description="`sqlite:///file` or `postgresql://user:password@host/name`"
    )
    redis_url: str = Field("", description="Redis or Valkey for many workers; empty: one process")
    assets_dir: str = Field("var/", description="Tokenizer files and the built-in model")

    jwt_secret: SecretStr = Field(SecretStr(DEVELOPMENT_SECRET), description="Signs sign-ins; 32 bytes or more")
    jwt_expiration: int = Field(604_800, ge=60, le=31_536_000, description="Seconds that a sign-in lasts")
    password_pepper: SecretStr = Field(
        SecretStr(""), description="Mixed into every password; changing it makes all passwords unusable"
    )
    bcrypt_cost: int = Field(12, ge=4, le=16, description="Rounds of bcrypt as a power of two")
    smtp_url: SecretStr = Field(SecretStr(""), description="`smtp[s]://user:password@host:port` for password resets")
    mail_from: str = Field("Prome <no-reply@localhost>", description="Sender of our mail")

    openai_api_key: SecretStr = Field(SecretStr(""), description="Key of OpenAI or a compatible upstream")
    openai_base_url: str = Field(OPENAI_API, description="Base URL of that upstream")
    openai_model: str = Field("gpt-5-mini", description="The model that answers unless the caller names another")
    gemini_api_key: SecretStr = Field(SecretStr(""), description="Key of Google Gemini")
    catalogue: str = Field("", description="TOML file of models and prices; empty: the one that comes with Prome")
    local_model: Literal["auto", "boot", "off"] = Field(
        "auto", description="The built-in model: `auto` starts it on first use, `boot` with the server, `off` never"
    )
    titles: Literal["auto", "off"] = Field("auto", description="`auto`: the model names new conversations, at our cost")

    welcome_tokens: int = Field(1000, ge=0, le=10**12, description="Tokens granted on registration")
    message_chars_max: int = Field(8000, ge=1, le=1_000_000, description="Longest message in characters")
    turns_per_user_max: int = Field(4, ge=1, le=1000, description="Replies that may run at once for one user")
    turns_per_subscriber_max: int = Field(10, ge=1, le=1000, description="The same for one with a plan")
    turns_max: int = Field(5000, ge=1, le=100_000, description="Replies that may run at once in one process")
    first_content_seconds: int = Field(30, ge=1, le=600, description="Wait for a model's first words")
    progress_seconds: int = Field(30, ge=1, le=600, description="Longest silence in the middle of a reply")
    turn_seconds_max: int = Field(600, ge=1, le=86_400, description="Longest time for one reply")
    drain_seconds: int = Field(25, ge=0, le=3600, description="Time for running replies when the server stops")
    stream_retention_seconds: int = Field(
        600, ge=0, le=86_400, description="How long an ended stream is replayed as sent"
    )
    abandoned_seconds: int = Field(120, ge=1, le=86_400, description="A reply nobody listens to is stopped after this")

    stripe_secret_key: SecretStr = Field(SecretStr(""), description="Stripe's secret key; empty: the sandbox till")
    stripe_publishable_key: str = Field(
        "", description="Stripe's publishable key; kept for clients of yours, we need none"
    )
    stripe_webhook_secret: SecretStr = Field(
        SecretStr(""), description="Signing secrets, comma-separated while rotating"
    )
    stripe_api_base: str = Field(STRIPE_API, description="Where Stripe's API is")
    refund_days: int = Field(14, ge=0, le=3650, description="How long buyers may give back what is unspent")
    stripe_sandbox: Literal["auto", "off"] = Field("auto", description="`auto`: a sandbox till when no key is set")

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator(*TRIMMED, mode="before")
    @classmethod
    def _trim(cls, value: Any) -> Any:
        """Before anything is told from how it begins: a space that came along in copying is no part of it."""
        return value.strip() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _use_the_async_driver(cls, value: str) -> str:
        url = re.sub(r"^postgres(ql)?(\+asyncpg)?://", "postgresql+asyncpg://", value.strip())
        url = re.sub(r"^sqlite(\+aiosqlite)?:///", "sqlite+aiosqlite:///", url)
        if not re.fullmatch(r"sqlite\+aiosqlite:///[^:?][^?]*", url):
            hosts = f"{WHO}(?:{NAME}{PORT}(?:,{NAME}{PORT})*)?"
            form = rf"(?!$){hosts}(?:/[^?#@]*)?{MORE}"
            _require(url, r"postgresql\+asyncpg://", form, "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
        return url

    @field_validator("redis_url")
    @classmethod
    def _be_a_redis(cls, value: str) -> str:
        form = rf"(?<!unix://){WHO}{NAME}{PORT}(?:/\d*)?{MORE}|(?<=unix://){WHO}/[^?#@]+{MORE}"
        if value:
            _require(value, "(?:rediss?|unix)://", f"(?:{form})", "redis[s]://[:PASSWORD@]HOST[:PORT][/NUMBER]")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _be_a_mail_server(cls, value: SecretStr) -> SecretStr:
        if url := value.get_secret_value():
            _require(url, "smtps?://", f"{WHO}{NAME}{PORT}/?", "smtp[s]://[USER:PASSWORD@]HOST[:PORT]")
        return value

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """A traceback or a log line may show the settings; what is inside a URL is hidden there like any secret."""
        for name, value in super().__repr_args__():
            yield name, URL_SECRETS.sub("**********", value) if isinstance(value, str) else value

    @property
    def public_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.frontend_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def host_names(self) -> frozenset[str]:
        """The names a request's `Host` may carry; `*` means any."""
        own = {urlsplit(self.public_url).hostname or "", self.host}
        # Loopback always: a health check on this machine asks by that name, and no site elsewhere can take it.
        return frozenset({*self.allowed_hosts, *own, *LOOPBACK} - {""})

    @property
    def in_production(self) -> bool:
        return self.environment == "production"


def _require(url: str, scheme: str, form: str, shape: str) -> None:
    """Whoever reads it later would say what is wrong with a part of the password in its words."""
    if not re.fullmatch(scheme + form, url):
        raise ValueError(PERCENT_ENCODE if re.match(scheme, url) and "@" in url else f"must be {shape}")


def read_settings(**overrides: Any) -> Settings:
    """The only way to settings that may serve: wrong and unsafe values are refused here, in plain words."""
    faults: dict[str, str] = {}
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        faults = {str(fault["loc"][0]): _in_plain_words(fault) for fault in error.errors(include_input=False)}
        # What cannot be read stands aside, so that whatever else is wrong is said in the same breath.
        defaults = {name: Settings.model_fields[name].default for name in faults}
        settings = Settings(**{**overrides, **defaults})
    wrong = [f"{name.upper()}: {words}." for name, words in faults.items()]
    unsafe = [
        danger for found, danger in _dangers(settings) if found and danger.partition(":")[0].lower() not in faults
    ]
    if wrong or unsafe:
        raise UnsafeSettings(wrong + unsafe)
    return settings


def _in_plain_words(fault: ErrorDetails) -> str:
    """Never with the value, which may be a secret that landed in the wrong line."""
    limits = fault.get("ctx", {})
    words = {
        "int_parsing": "must be a whole number",
        "int_type": "must be a whole number",
        "greater_than_equal": f"must be {limits.get('ge')} or more",
        "less_than_equal": f"must be {limits.get('le')} or less",
        "literal_error": f"must be {limits.get('expected')}".replace("'", ""),
        "value_error": str(limits.get("error")),
    }
    return words.get(fault["type"], fault["msg"])


def _dangers(settings: Settings) -> list[tuple[bool, str]]:
    live_key = settings.stripe_secret_key.get_secret_value().startswith(("sk_live_", "rk_live_"))
    many = settings.workers > 1
    dangers = [
        (
            live_key and settings.stripe_api_base.rstrip("/") != STRIPE_API,
            "STRIPE_API_BASE: a live key goes to Stripe only.",
        ),
        (
            many and settings.database_url.startswith("sqlite"),
            "WORKERS: SQLite serves one worker; set DATABASE_URL to Postgres.",
        ),
        (
            many and not settings.redis_url,
            "WORKERS: more than one worker needs REDIS_URL, to share streams between them.",
        ),
    ]
    return dangers + (_dangers_in_production(settings) if settings.in_production else [])


def _dangers_in_production(settings: Settings) -> list[tuple[bool, str]]:
    secret = settings.jwt_secret.get_secret_value().strip()
    key, base = settings.stripe_secret_key.get_secret_value(), settings.stripe_api_base
    public = urlsplit(settings.frontend_url)
    clear_text = public.scheme != "https" and public.hostname not in LOOPBACK
    return [
        (secret == DEVELOPMENT_SECRET, "JWT_SECRET: set a secret of your own; this is the one for development."),
        (len(secret.encode()) < SECRET_BYTES_MIN, f"JWT_SECRET: use at least {SECRET_BYTES_MIN} bytes."),
        (not public.hostname, "FRONTEND_URL: set the public address, for links in mail and the way back from Stripe."),
        (bool(public.hostname) and clear_text, "FRONTEND_URL: use https, or passwords travel in the clear."),
        ("*" in settings.cors_origins, "CORS_ORIGINS: `*` would open accounts to every site; name the origins."),
        (key == "sk_test_sandbox" or "/_stripe" in base, "STRIPE_SECRET_KEY: the sandbox till is not for production."),
        (
            bool(key) and not settings.stripe_webhook_secret.get_secret_value().strip(", \n"),
            "STRIPE_WEBHOOK_SECRET: payments need it.",
        ),
        (settings.bcrypt_cost < 10, "BCRYPT_COST: use 10 or more."),
    ]
