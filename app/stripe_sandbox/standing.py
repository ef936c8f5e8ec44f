"""The till by itself on a port, for a server that is set up as if with Stripe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from app.settings import Settings
from app.stripe_sandbox import mounting
from app.stripe_sandbox.app import sandbox
from app.stripe_sandbox.till import SANDBOX_KEY, SANDBOX_SECRET, Till, Webhook

HOST = "127.0.0.1"
PATH = "/api/billing/webhook"


def till_for(settings: Settings, webhook_url: str = "") -> Till:
    """Its webhooks are signed with the secret that the server knows, and go to that server unless told otherwise."""
    return mounting.beside(settings, Webhook(webhook_url or settings.public_url + PATH, secret_of(settings)))


def secret_of(settings: Settings) -> str:
    written = settings.stripe_webhook_secret.get_secret_value().partition(",")[0].strip()
    return written or SANDBOX_SECRET


def instructions(settings: Settings, port: int) -> str:
    return (
        f"The sandbox till is at http://{HOST}:{port}, its developer page at http://{HOST}:{port}/dev.\n"
        "A server uses it with these settings:\n"
        f"  STRIPE_SECRET_KEY={SANDBOX_KEY}\n"
        f"  STRIPE_API_BASE=http://{HOST}:{port}\n"
        f"  STRIPE_WEBHOOK_SECRET={secret_of(settings)}"
    )


def alone(till: Till) -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with till:
            yield

    return Starlette(routes=[Mount("/", sandbox(till))], lifespan=lifespan)


def serve(till: Till, port: int) -> None:
    """On loopback only: whoever reaches it can make money."""
    uvicorn.run(alone(till), host=HOST, port=port, ws="none", access_log=False, log_config=None, server_header=False)
