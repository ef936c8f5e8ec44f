"""Stripe's own command line. It comes from npm: `npm install -g @stripe/cli`."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

STRIPE = os.environ.get("STRIPE_CLI") or shutil.which("stripe") or ""
EVENTS = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "charge.dispute.created",
    "customer.subscription.deleted",
    "subscription.payment_succeeded",
    "payment_intent.payment_failed",
]
needs_cli = pytest.mark.skipif(
    not STRIPE, reason="Stripe's CLI is not here: npm install -g @stripe/cli, or set STRIPE_CLI"
)


async def trigger(event: str, key: str, base: str, home: Path) -> tuple[int | None, str]:
    """Its exit code, and all that it said."""
    process = await asyncio.create_subprocess_exec(
        *(STRIPE, "trigger", event, "--api-key", key, "--api-base", base),
        env={**os.environ, "HOME": str(home), "STRIPE_CLI_TELEMETRY_OPTOUT": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()
