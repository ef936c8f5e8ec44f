"""The roof: builds everything once, knows everything, is known by nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from app import health, pages, upkeep
from app.accounts import routes as accounts
from app.accounts.doors import Doors
from app.accounts.identity import Identify
from app.accounts.passwords import Passwords
from app.accounts.tokens import Tokens
from app.clock import Clock, SystemClock
from app.conversations import routes as conversations
from app.db import Database
from app.edge import errors, openapi
from app.edge.body_limit import BodyLimit
from app.edge.headers import security_headers
from app.edge.middleware import KnownHost, LastResort, Observed, SecurityHeaders
from app.events import routes as events
from app.ledger import expiry
from app.ledger import routes as ledger
from app.mail import Post
from app.metering.meter import Meter
from app.observability import logs
from app.observability.metrics import Metrics
from app.providers import routes as models
from app.providers.catalogue import Catalogue
from app.providers.models import Models
from app.providers.provider import Provider
from app.providers.tokens import Tokenizers
from app.schedule.periodic import Schedule
from app.services import Services
from app.settings import Settings, read_settings
from app.streams.topics import MemoryTopics

API: list[BaseRoute] = [
    *accounts.routes,
    *ledger.routes,
    *conversations.routes,
    *events.routes,
    *models.routes,
    *health.routes,
]


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    more_routes: Sequence[BaseRoute] = (),
    providers: Mapping[str, Provider] | None = None,
) -> Starlette:
    """`more_routes` lets a test try the edge with rows of its own; `providers` join those that are set up."""
    services = build(settings, clock or SystemClock(), providers)
    routes = [*API, *more_routes]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with running(services):
            yield

    app = Starlette(
        routes=[*routes, *pages.routes],
        middleware=_middleware(settings, services.metrics),
        exception_handlers={**errors.handlers, 404: pages.on_not_found},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.services = services
    app.state.identify = Identify(settings, services.db, services.clock, services.tokens)
    app.state.openapi = openapi.document(routes, title="Prome", version=version("prome"), server=settings.public_url)
    app.state.openapi_json = orjson.dumps(app.state.openapi)
    return app


@asynccontextmanager
async def running(its: Services) -> AsyncIterator[None]:
    """Whatever goes wrong in between, what was opened is closed, and last of all the database."""
    await its.db.open(exclusive=True)
    schedule = Schedule(its.db, its.clock, upkeep.jobs(its))
    try:
        await expiry.sweep(its.db, its.clock.now(), expiry.FOREVER)
        await its.models.open()
        schedule.start()
        yield
    finally:
        await schedule.stop()
        await its.meter.drain()
        await its.post.drain()
        for provider in its.providers.values():
            await provider.close()
        its.models.close()
        its.passwords.close()
        await its.db.close()


def from_environment() -> Starlette:
    """What each server process runs."""
    settings = read_settings()
    logs.configure(settings)
    return create_app(settings)


def build(settings: Settings, clock: Clock, more_providers: Mapping[str, Provider] | None = None) -> Services:
    metrics, topics = Metrics(), MemoryTopics()
    db = Database(settings.database_url, topics.tell)
    catalogue, providers = Catalogue.read(settings.catalogue), {**(more_providers or {})}
    return Services(
        settings=settings,
        clock=clock,
        db=db,
        metrics=metrics,
        post=Post(settings, metrics),
        passwords=Passwords(settings, metrics),
        tokens=Tokens(settings, clock),
        doors=Doors(settings),
        meter=Meter(db, metrics),
        topics=topics,
        models=Models(settings, catalogue, providers, Tokenizers(settings.assets_dir)),
        providers=providers,
    )


def _middleware(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """Outermost first: even a refused host is logged and carries the headers."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Prefer", "X-Request-ID"],
        expose_headers=["Idempotency-Replayed", "Location", "Retry-After", "X-Request-ID", "X-Stream-Id"],
        max_age=600,
    )
    return [
        Middleware(Observed, metrics=metrics),
        Middleware(SecurityHeaders, headers=security_headers(settings)),
        Middleware(KnownHost, names=settings.host_names),
        *([cors] if settings.cors_origins else []),
        Middleware(BodyLimit),
        Middleware(LastResort),
    ]
