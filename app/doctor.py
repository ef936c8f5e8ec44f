"""`prome doctor`: what is set up, what is off and why, what is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import asyncpg
from redis import asyncio as redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app import migrations
from app.billing.till import account_of
from app.db import Database, DatabaseUnavailable
from app.providers import assets
from app.providers.catalogue import Catalogue
from app.providers.local import lacking, local_from
from app.providers.models import Models, NoModel
from app.providers.openai_compatible import OpenAICompatible
from app.providers.provider import ProviderFailed
from app.providers.tokens import RANKS, STAND_IN, Tokenizers, is_there
from app.providers.upstreams import providers_from
from app.settings import Settings, UnsafeSettings

UPSTREAMS = {
    "openai": "no OPENAI_API_KEY, and no OPENAI_BASE_URL of an upstream that needs none",
    "gemini": "no GEMINI_API_KEY",
}
REDIS_SECONDS_MAX = 2


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
        *await _replies(settings),
        _payments(settings),
        _mail(settings),
        await _many_workers(settings),
    ]


async def _database(settings: Settings) -> Finding:
    db, newest = Database(settings.database_url), migrations.head()
    if not migrations.is_there(settings.database_url):
        return Finding("database", State.BROKEN, "no such SQLite file yet: `prome migrate up` makes it")
    try:
        found = await migrations.current(settings.database_url)
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, DatabaseUnavailable) as error:
        reason = type(error.__cause__ or error).__name__
        return Finding("database", State.BROKEN, f"{db.kind} cannot be used ({reason}); see DATABASE_URL")
    if found and not migrations.knows(found):
        words = f"{db.kind} is at {found}, which a newer version of Prome made; this one knows up to {newest}"
        return Finding("database", State.BROKEN, words)
    if found != newest:
        return Finding(
            "database", State.BROKEN, f"{db.kind} is at {found or 'nothing'}, needs {newest}: `prome migrate up`"
        )
    return Finding("database", State.FINE, f"{db.kind} at {found}")


async def _replies(settings: Settings) -> list[Finding]:
    """Who answers, with which models, and how their tokens are counted."""
    try:
        catalogue = Catalogue.read(settings.catalogue)
    except UnsafeSettings as error:
        return [Finding("catalogue", State.BROKEN, fault.partition(": ")[2]) for fault in error.faults]
    upstreams, built_in = providers_from(settings), local_from(settings)
    models = Models(settings, catalogue, {*upstreams, *built_in}, Tokenizers(settings.assets_dir))
    try:
        return [
            *_tokenizers(settings),
            *[await _upstream(name, upstreams.get(name), way) for name, way in UPSTREAMS.items()],
            _built_in(settings),
            *_models(models, catalogue),
        ]
    finally:
        models.close()
        for upstream in upstreams.values():
            await upstream.close()


def _tokenizers(settings: Settings) -> list[Finding]:
    folder = Path(settings.assets_dir) / "tiktoken"
    missing = [name for name in RANKS if not is_there(folder, name)]
    if not missing:
        return [Finding("tokenizers", State.FINE, f"{' and '.join(RANKS)} in {folder}")]
    instead = "a token is taken to be four bytes" if STAND_IN in missing else f"{STAND_IN} stands in"
    return [Finding("tokenizers", State.OFF, f"no {' and no '.join(missing)} in {folder}, {instead}: `prome assets`")]


async def _upstream(name: str, upstream: OpenAICompatible | None, way: str) -> Finding:
    """Asked for its models alone, which costs nothing. Its address may hold a secret, and is not said."""
    if upstream is None:
        return Finding(name, State.OFF, way)
    try:
        await upstream.probe()
    except ProviderFailed as error:
        return Finding(name, State.BROKEN, f"does not answer as it should: {error.cause}")
    return Finding(name, State.FINE, "answers")


def _built_in(settings: Settings) -> Finding:
    reason = lacking(settings)
    return Finding("built-in", State.OFF if reason else State.FINE, reason or assets.MODEL_FILE)


def _models(models: Models, catalogue: Catalogue) -> Iterator[Finding]:
    usable = models.usable()
    for model in usable:
        tokenizer = models.tokenizer(model)
        default = ", the default" if model == usable[0] else ""
        chain = ", then ".join(other.id for other in models.chain(model)[1:])
        stand_in = f"; else {chain}" if chain else ""
        counted = f"{tokenizer.encoding}, {tokenizer.counted_by}"
        yield Finding("model", State.FINE, f"{model.id}{default}: {model.price} ({counted}){stand_in}")
    if not usable:
        yield Finding("model", State.OFF, str(NoModel()))
    for model in catalogue.models:
        if not models.can_answer(model):
            yield Finding("model", State.OFF, f"{model.id}: {model.provider} cannot answer it here")


def _payments(settings: Settings) -> Finding:
    if settings.stripe_secret_key.get_secret_value():
        hooked = settings.stripe_webhook_secret.get_secret_value().strip(", \n")
        words = (
            f"Stripe at {settings.stripe_api_base}"
            if hooked
            else "no STRIPE_WEBHOOK_SECRET: purchases would not arrive"
        )
        return Finding("payments", State.FINE if hooked else State.BROKEN, words)
    if account_of(settings) is None:
        return Finding("payments", State.OFF, "no STRIPE_SECRET_KEY: nothing can be bought")
    return Finding("payments", State.OFF, "no STRIPE_SECRET_KEY: the sandbox till, where no money moves")


def _mail(settings: Settings) -> Finding:
    if settings.smtp_url.get_secret_value():
        return Finding("mail", State.FINE, f"sent as {settings.mail_from}")
    words = (
        "no SMTP_URL: passwords cannot be reset"
        if settings.in_production
        else "no SMTP_URL: mail is printed to the log"
    )
    return Finding("mail", State.OFF, words)


async def _many_workers(settings: Settings) -> Finding:
    if not settings.redis_url:
        return Finding("workers", State.OFF, "no REDIS_URL: one process")
    try:
        async with asyncio.timeout(REDIS_SECONDS_MAX), redis.from_url(settings.redis_url) as client:
            await client.ping()
    except (RedisError, OSError, ValueError) as error:
        words = f"{settings.workers}, and Redis cannot be used ({type(error).__name__}); see REDIS_URL"
        return Finding("workers", State.BROKEN, words)
    return Finding("workers", State.FINE, f"{settings.workers}, sharing streams through Redis")
