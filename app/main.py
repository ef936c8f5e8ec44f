"""The roof: builds everything once, knows everything, is known by nothing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from app import health, pages, upkeep
from app.accounts import routes as accounts
from app.accounts import sessions
from app.accounts.confirming import Confirming
from app.accounts.doors import Doors
from app.accounts.identity import Identify
from app.accounts.passwords import Passwords
from app.accounts.tokens import Tokens
from app.billing import news, packages
from app.billing import routes as billing
from app.billing.alerts import Alerts
from app.billing.gateway import Gateway
from app.billing.inbox import Inbox
from app.billing.shop import Shop
from app.billing.till import account_of
from app.chat import routes as chat
from app.chat.readings import Readings
from app.chat.recovery import Recovery
from app.chat.titles import Titles
from app.chat.turns import Turns
from app.clock import Clock, SystemClock
from app.conversations import routes as conversations
from app.db import Database
from app.draining import before_stopping
from app.edge import errors, openapi
from app.edge.body_limit import BodyLimit
from app.edge.headers import security_headers
from app.edge.middleware import KnownHost, LastResort, Observed, SecurityHeaders
from app.edge.pulse import Readers
from app.events import routes as events
from app.events.channels import Channels
from app.leaving import routes as leaving
from app.leaving.leaving import Leaving
from app.ledger import expiry
from app.ledger import routes as ledger
from app.mail import Post
from app.metering.meter import Meter
from app.observability import logs
from app.observability.metrics import Metrics
from app.providers import routes as model_list
from app.providers.catalogue import Catalogue
from app.providers.failover import Replies
from app.providers.local import LOCAL, LocalModel, local_from
from app.providers.models import Models
from app.providers.provider import Provider
from app.providers.tokens import Tokenizers
from app.providers.upstreams import providers_from
from app.schedule.periodic import Schedule
from app.services import Services
from app.settings import Settings, read_settings
from app.streams.redis import RedisRelay, RedisTopics
from app.streams.relay import Alone, Relay
from app.streams.topics import MemoryTopics
from app.stripe_sandbox import mounting
from app.stripe_sandbox.till import Till, Webhook

log = logs.get("prome.main")
# At so many new objects the new ones are looked through, and at every tenth time those that outlived that, too.
GARBAGE = (5000, 10, 10)
# So long the database may take to answer a server that stops.
LAST_WORD_SECONDS = 0.5
# Looked through from its top for every request, so what is asked most often comes first.
API: list[BaseRoute] = [
    *chat.routes,
    *accounts.routes,
    *ledger.routes,
    *billing.routes,
    *conversations.routes,
    *events.routes,
    *leaving.routes,
    *model_list.routes,
    *health.routes,
]


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    more_routes: Sequence[BaseRoute] = (),
    providers: Mapping[str, Provider] | None = None,
    till: Till | None = None,
    whole_process: bool = False,
) -> Starlette:
    """`more_routes` lets a test try the edge with rows of its own; `providers` join those that are set up.

    `till` takes the place of the sandbox's own, for a test that holds it in its hand.
    `whole_process` says that nothing else lives in this process, so its signals and its garbage are the app's as well.
    """
    services = build(settings, clock or SystemClock(), providers)
    routes = [*API, *more_routes]
    till = till or _till(settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with running(services), till or nullcontext():
            with _alone_in_its_process(services) if whole_process else nullcontext():
                yield

    app = Starlette(
        routes=[*routes, *([mounting.mounted(till, settings)] if till else []), *pages.routes],
        middleware=_middleware(settings, services.metrics),
        exception_handlers={**errors.handlers, 404: pages.on_not_found},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.services = services
    app.state.identify = Identify(settings, services.db, services.clock, services.tokens)
    about = {"title": "Prome", "version": version("prome"), "server": settings.public_url}
    app.state.described = openapi.Description(routes, **about)
    return app


def _till(settings: Settings) -> Till | None:
    """For whoever has no Stripe key; never in production, and never beside a key."""
    account = account_of(settings)
    if account is None or settings.stripe_secret_key.get_secret_value():
        return None
    address = account.base.removesuffix(mounting.PATH) + "/api/billing/webhook"
    return mounting.beside(settings, Webhook(address, account.secrets[0]))


@asynccontextmanager
async def running(its: Services) -> AsyncIterator[None]:
    """Whatever goes wrong in between, what was opened is closed in the opposite order, and last of all the database."""
    async with AsyncExitStack() as closing:
        closing.push_async_callback(its.db.close)
        await its.db.open(exclusive=True)
        closing.callback(its.passwords.close)
        closing.push_async_callback(its.post.drain)
        closing.callback(its.models.close)
        for provider in its.providers.values():
            closing.push_async_callback(provider.close)
        closing.push_async_callback(its.shop.gateway.close)
        closing.push_async_callback(its.inbox.drain)
        closing.push_async_callback(its.meter.drain)
        await its.models.open()
        await its.recovery.start()
        closing.push_async_callback(its.recovery.stop)
        await expiry.sweep(its.db)
        closing.push_async_callback(its.titles.close)
        await its.relay.open(on_stop=its.turns.stop_soon)
        closing.push_async_callback(its.relay.close)
        closing.push_async_callback(its.turns.drain, 0)
        closing.push_async_callback(its.leaving.drain)
        its.readers.start()
        closing.callback(its.readers.stop)
        its.channels.start()
        closing.callback(its.channels.stop)
        await _stock(its)
        schedule = Schedule(its.db, its.clock, upkeep.jobs(its))
        schedule.start()
        closing.push_async_callback(schedule.stop)
        await _warm_up(its)
        closing.push_async_callback(its.db.require_a_word, LAST_WORD_SECONDS)
        yield


@contextmanager
def _alone_in_its_process(its: Services) -> Iterator[None]:
    """Being told to stop lets running replies finish first. And what is there by now stays to the end, so garbage is
    looked for without it: every reply would stand still for the tenth of a second that it takes to walk through it all.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    with before_stopping(partial(_empty, its)):
        yield


async def _empty(its: Services) -> None:
    seconds = its.settings.drain_seconds
    await asyncio.gather(its.turns.drain(seconds), its.readings.drain(seconds), its.post.drain())
    its.readers.stop()


async def _warm_up(its: Services) -> None:
    """The built-in model takes a second to start, which the first to ask would wait for."""
    built_in = its.providers.get(LOCAL)
    if its.settings.local_model == "boot" and isinstance(built_in, LocalModel):
        await built_in.warm_up()


async def _stock(its: Services) -> None:
    """A newcomer finds something to buy; in production an operator says what is sold."""
    if its.settings.environment != "development":
        return
    async with its.db.begin() as session:
        if not await packages.any_there(session):
            await packages.put(session, packages.read(packages.OURS), its.clock.now(), change=False)


def from_environment() -> Starlette:
    """What each server process runs."""
    settings = read_settings()
    logs.configure(settings)
    return create_app(settings, whole_process=True)


def build(settings: Settings, clock: Clock, more_providers: Mapping[str, Provider] | None = None) -> Services:
    metrics = Metrics()
    topics, relay = _between_workers(settings)
    db = Database(settings.database_url, topics.tell)
    providers: dict[str, Provider] = {**providers_from(settings), **local_from(settings), **(more_providers or {})}
    models = Models(settings, Catalogue.read(settings.catalogue), providers, Tokenizers(settings.assets_dir))
    meter, replies = Meter(db, metrics), Replies(models, providers, metrics)
    titles = Titles(settings, clock, db, models, replies, metrics)
    turns = Turns(settings, clock, db, meter, models, replies, titles.after, relay)
    shop = Shop(settings, clock, db, Gateway(account_of(settings)), Alerts(metrics))
    passwords, doors = Passwords(settings, metrics), Doors(settings)
    readings = Readings(settings, clock, db, turns, relay)
    readers = Readers(partial(_who_may_read, db, clock))
    return Services(
        settings=settings,
        clock=clock,
        db=db,
        metrics=metrics,
        post=Post(settings, metrics),
        passwords=passwords,
        tokens=Tokens(settings, clock),
        doors=doors,
        confirming=Confirming(db, clock, doors, passwords),
        meter=meter,
        topics=topics,
        models=models,
        providers=providers,
        replies=replies,
        titles=titles,
        turns=turns,
        readings=readings,
        relay=relay,
        recovery=Recovery(settings, clock, db, meter, models, turns),
        readers=readers,
        channels=Channels(db, topics, readers, news.newest),
        shop=shop,
        inbox=Inbox(shop),
        leaving=Leaving(shop, doors, readings),
    )


def _between_workers(settings: Settings) -> tuple[MemoryTopics, Relay]:
    if not settings.redis_url:
        return MemoryTopics(), Alone()
    topics = RedisTopics()
    return topics, RedisRelay(settings.redis_url, topics, settings.stream_retention_seconds, log.warning)


async def _who_may_read(db: Database, clock: Clock, sign_ins: set[str]) -> set[str]:
    async with db.read() as session:
        return await sessions.standing(session, sorted(sign_ins), clock.now())


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
