"""Stripe's webhooks: verified, stored as they came, handled, and tried again until they are.

Stored once is promised by the id of the event; done once is promised by what the handlers do, and not by this table.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from app.billing.fulfilment import Unmatched
from app.billing.gateway import PaymentsFailed, read_snapshot
from app.billing.handling import HANDLERS
from app.billing.records import Event
from app.billing.shop import Shop
from app.billing.tables import StripeEvent
from app.db import Session
from app.errors import NotFound
from app.observability import logs

# Stripe holds a buyer's page back for ten seconds at most while we work.
ANSWER_SECONDS = 8.0
TRY_AGAIN = timedelta(seconds=15)
TRY_AGAIN_MAX = timedelta(hours=1)
# A bit over three days, as Stripe itself does.
TRIES_MAX = 85
AT_ONCE = 20
KEPT = timedelta(days=90)
log = logs.get("prome.billing")


class Inbox:
    def __init__(self, shop: Shop, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._shop, self._answer_seconds = shop, answer_seconds
        self._working: set[asyncio.Task[None]] = set()
        self._versions = {shop.gateway.version}

    async def take(self, raw: bytes, signature: str) -> None:
        """Returns when it is stored, and usually when it is handled: the work goes on if it takes longer."""
        account = self._shop.gateway.account
        if account is None or not account.secrets:
            raise NotFound
        event = self._shop.gateway.read_event(raw, signature)
        self._mind_version(event)
        if await self.store(event, raw.decode()):
            await asyncio.wait({self._start(event)}, timeout=self._answer_seconds)

    async def store(self, event: Event, payload: str) -> bool:
        """Whether there is anything to do: no for what is done, what we do not know, and what another mode sent."""
        state = "new" if event.type in HANDLERS and self._is_for_us(event) else "ignored"
        async with self._shop.db.begin() as session:
            now = self._shop.clock.now()
            await session.run(STORE, event.id, event.type, event.api_version, payload, state, now, now + TRY_AGAIN)
            kept = await session.row("SELECT state FROM stripe_events WHERE id = $1", event.id)
        return kept is not None and kept["state"] in ("new", "unmatched", "given_up")

    async def retry(self) -> int:
        """Whatever waits and is due. Answers with how many were handled now."""
        async with self._shop.db.read() as session:
            waiting = await session.all(StripeEvent, WAITING, self._shop.clock.now(), AT_ONCE)
        return sum([await self.handle(read_snapshot(event.payload)) for event in waiting])

    async def handle(self, event: Event) -> bool:
        """A failure is kept for later and never raised: whoever sent it can do nothing about it."""
        try:
            await HANDLERS[event.type](self._shop, event)
        except Unmatched:
            self._shop.alerts.tell("event_unmatched", event_id=event.id, type=event.type)
            await self._keep(event, "unmatched")
        except Exception as error:
            await self._put_off(event, error)
        else:
            await self._keep(event, "done")
            return True
        return False

    async def drain(self) -> None:
        """What has begun is finished; it is short, and would only be done again."""
        if self._working:
            await asyncio.wait(self._working, timeout=ANSWER_SECONDS)

    def _start(self, event: Event) -> asyncio.Task[None]:
        """A task of its own, because the request's may be cancelled in the middle of a write."""
        task = asyncio.create_task(self._run(event), name=f"event {event.id}")
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    async def _run(self, event: Event) -> None:
        """Whatever cannot even be written down is due again by itself, because the event stands there as new."""
        try:
            await self.handle(event)
        except Exception as error:
            log.error("event_lost_hold", event_id=event.id, error=type(error).__name__)

    def _mind_version(self, event: Event) -> None:
        """Said once: objects are read anew with our own version, so the endpoint's harms little."""
        if event.api_version not in self._versions:
            self._versions.add(event.api_version)
            ours = self._shop.gateway.version
            if event.api_version.partition(".")[2] != ours.partition(".")[2]:
                self._shop.alerts.tell("event_of_other_version", event_id=event.id, theirs=event.api_version, ours=ours)

    def _is_for_us(self, event: Event) -> bool:
        if event.livemode == (self._shop.gateway.mode == "live"):
            return True
        self._shop.alerts.tell("event_of_other_mode", event_id=event.id, livemode=event.livemode)
        return False

    async def _keep(self, event: Event, state: str) -> None:
        async with self._shop.db.begin() as session:
            sql = "UPDATE stripe_events SET state = $2, handled_at = $3 WHERE id = $1"
            await session.run(sql, event.id, state, self._shop.clock.now())

    async def _put_off(self, event: Event, error: Exception) -> None:
        expected = isinstance(error, PaymentsFailed)
        log.error("event_failed", event_id=event.id, type=event.type, error=type(error).__name__,
                  exc_info=None if expected else error)  # fmt: skip
        async with self._shop.db.begin() as session:
            row = await session.row("SELECT tries FROM stripe_events WHERE id = $1", event.id)
            tries = row["tries"] + 1 if row else 1
            wait = min(TRY_AGAIN * 2 ** min(tries, 20), TRY_AGAIN_MAX)
            state = "new" if tries < TRIES_MAX else "given_up"
            await session.run(PUT_OFF, event.id, state, tries, self._shop.clock.now() + wait)
        if state == "given_up":
            self._shop.alerts.tell("event_given_up", event_id=event.id, type=event.type)


async def sweep(session: Session, now: datetime) -> int:
    return await session.run("DELETE FROM stripe_events WHERE received_at < $1", now - KEPT)


STORE = """
INSERT INTO stripe_events (id, type, api_version, payload, state, tries, received_at, next_try_at)
VALUES ($1, $2, $3, $4, $5, 0, $6, $7) ON CONFLICT (id) DO NOTHING
"""
WAITING = "SELECT * FROM stripe_events WHERE state = 'new' AND next_try_at <= $1 ORDER BY next_try_at LIMIT $2"
PUT_OFF = "UPDATE stripe_events SET state = $2, tries = $3, next_try_at = $4 WHERE id = $1"
