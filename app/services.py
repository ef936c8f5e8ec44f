"""What a handler may reach for, as one typed object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from app.accounts.confirming import Confirming
from app.accounts.doors import Doors
from app.accounts.passwords import Passwords
from app.accounts.tokens import Tokens
from app.billing.inbox import Inbox
from app.billing.shop import Shop
from app.chat.readings import Readings
from app.chat.recovery import Recovery
from app.chat.titles import Titles
from app.chat.turns import Turns
from app.clock import Clock
from app.db import Database
from app.edge.pulse import Readers
from app.events.channels import Channels
from app.leaving.leaving import Leaving
from app.mail import Post
from app.metering.meter import Meter
from app.observability.metrics import Metrics
from app.providers.failover import Replies
from app.providers.models import Models
from app.providers.provider import Provider
from app.settings import Settings
from app.streams.relay import Relay
from app.streams.topics import Topics


@dataclass(frozen=True)
class Services:
    settings: Settings
    clock: Clock
    db: Database
    metrics: Metrics
    post: Post
    passwords: Passwords
    tokens: Tokens
    doors: Doors
    confirming: Confirming
    meter: Meter
    topics: Topics
    models: Models
    # By the name that the catalogue has for each.
    providers: Mapping[str, Provider]
    replies: Replies
    titles: Titles
    turns: Turns
    readings: Readings
    recovery: Recovery
    readers: Readers
    channels: Channels
    relay: Relay
    shop: Shop
    inbox: Inbox
    leaving: Leaving


def services(request: Request) -> Services:
    return cast(Services, request.app.state.services)
