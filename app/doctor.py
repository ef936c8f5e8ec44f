"""`prome doctor`: what is set up, what is off and why, what is broken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from app import migrations
from app.db import Database
from app.settings import Settings

# The name under which tiktoken itself looks for o200k_base.
TOKENIZER_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"


class State(Enum):
    FINE, OFF, BROKEN = "ok", "off", "BROKEN"


@dataclass(frozen=True)
class Finding:
    subject: str
    state: State
    words: str


async def examine(settings: Settings) -> list[Finding]:
    return [
        await _database(settings),
        _tokenizer(settings),
        _model(settings),
        _payments(settings),
        _mail(settings),
        _many_workers(settings),
    ]


async def _database(settings: Settings) -> Finding:
    db, newest = Database(settings.database_url), migrations.head()
    if not _has_file(settings.database_url):
        return Finding("database", State.BROKEN, "no such SQLite file yet: `prome migrate up` makes it")
    try:
        found = await migrations.current(settings.database_url)
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        return Finding("database", State.BROKEN, f"{db.kind} cannot be used ({type(error).__name__}); see DATABASE_URL")
    if found != newest:
        return Finding(
            "database", State.BROKEN, f"{db.kind} is at {found or 'nothing'}, needs {newest}: `prome migrate up`"
        )
    return Finding("database", State.FINE, f"{db.kind} at {found}")


def _has_file(url: str) -> bool:
    """Looking at a SQLite file that is not there would make it."""
    return not url.startswith("sqlite") or Path(url.partition(":///")[2]).exists()


def _tokenizer(settings: Settings) -> Finding:
    folder = Path(settings.assets_dir) / "tiktoken"
    if (folder / TOKENIZER_FILE).is_file():
        return Finding("tokenizer", State.FINE, f"o200k_base in {folder}")
    return Finding("tokenizer", State.OFF, f"no o200k_base in {folder}: tokens would be estimated")


def _model(settings: Settings) -> Finding:
    if settings.openai_api_key.get_secret_value():
        return Finding("model", State.FINE, f"{settings.openai_model} at {settings.openai_base_url}")
    if settings.gemini_api_key.get_secret_value():
        return Finding("model", State.FINE, "Gemini")
    return Finding("model", State.OFF, "no key: set OPENAI_API_KEY or GEMINI_API_KEY")


def _payments(settings: Settings) -> Finding:
    if settings.stripe_secret_key.get_secret_value():
        hooked = settings.stripe_webhook_secret.get_secret_value().strip()
        words = (
            f"Stripe at {settings.stripe_api_base}"
            if hooked
            else "no STRIPE_WEBHOOK_SECRET: purchases would not arrive"
        )
        return Finding("payments", State.FINE if hooked else State.BROKEN, words)
    return Finding("payments", State.OFF, "no STRIPE_SECRET_KEY")


def _mail(settings: Settings) -> Finding:
    if settings.smtp_url.get_secret_value():
        return Finding("mail", State.FINE, f"sent as {settings.mail_from}")
    words = (
        "no SMTP_URL: passwords cannot be reset"
        if settings.in_production
        else "no SMTP_URL: mail is printed to the log"
    )
    return Finding("mail", State.OFF, words)


def _many_workers(settings: Settings) -> Finding:
    if settings.redis_url:
        return Finding("workers", State.FINE, f"{settings.workers}, sharing streams through Redis")
    return Finding("workers", State.OFF, "no REDIS_URL: one process")
