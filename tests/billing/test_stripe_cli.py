"""Stripe's own command line presses the till's buttons, and our webhook takes what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.stripe_sandbox.till import SANDBOX_KEY
from tests.billing.buying import Buyer
from tests.stripe_sandbox.cli import EVENTS, needs_cli, trigger


@needs_cli
@pytest.mark.either_engine
@pytest.mark.parametrize("event", EVENTS)
async def test_whatever_the_cli_triggers_is_signed_and_taken_by_our_webhook(
    buyer: Buyer, hooked: None, till_url: str, tmp_path: Path, event: str
) -> None:
    code, said = await trigger(event, SANDBOX_KEY, till_url, tmp_path)
    await buyer.till.settled()
    await buyer.services.inbox.drain()

    assert code == 0, said
    deliveries = buyer.till.deliveries()
    assert {delivery["status"] for delivery in deliveries} == {200}
    assert await waiting(buyer) == 0, "nothing is put off, and nothing had an error"
    assert await buyer.kinds() == [], "nobody here bought anything"


async def waiting(buyer: Buyer) -> int:
    async with buyer.services.db.read() as session:
        row = await session.row("SELECT COUNT(*) AS number FROM stripe_events WHERE state = 'new' OR tries > 0")
    assert row is not None
    return int(row["number"])
