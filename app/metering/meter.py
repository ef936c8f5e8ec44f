"""`async with meter.hold(…) as held:` sets tokens aside and settles what `held` was told was used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from app.db import Database, DatabaseUnavailable, Result, Session, Work
from app.ids import new_id
from app.ledger import ledger
from app.ledger.ledger import Balance, InsufficientTokens, Resolution, Terms, UnknownHold, Used
from app.ledger.rates import Rates
from app.observability import logs
from app.observability.metrics import Metrics

REPLY_TOKENS_MIN = 16
SETTLE_RETRY_SECONDS_MAX = 5.0
GRACE = timedelta(seconds=30)

log = logs.get("prome.meter")


@dataclass(frozen=True)
class Quote:
    """What a reply may cost at most, before anybody is asked for it."""

    max_tokens: int
    held: int
    balance_after_at_most: int
    affordable: bool


def quote(has: Balance, prompt_tokens: int, max_tokens: int, rates: Rates) -> Quote:
    """Cuts the reply to what the balance affords; less than a few tokens of it is no reply."""
    affordable = rates.affordable(has.available, prompt_tokens)
    cut = min(max_tokens, affordable)
    enough = cut >= min(max_tokens, REPLY_TOKENS_MIN)
    held = Terms(prompt_tokens, cut if enough else max_tokens, rates).tokens
    return Quote(cut, held, has.balance - held, enough and held <= has.available)


class Held:
    """Tokens set aside for one reply of at most `max_tokens`."""

    def __init__(self, hold_id: str, user_id: str, max_tokens: int, tokens: int) -> None:
        self.id, self.user_id, self.max_tokens, self.tokens = hold_id, user_id, max_tokens, tokens
        self.used: Used | None = None
        self.resolution: Resolution | None = None

    def use(self, prompt_tokens: int, completion_tokens: int, counted_by: str) -> None:
        """Says what was used so far; the last word counts. Nothing said is nothing charged."""
        self.used = Used(prompt_tokens, completion_tokens, counted_by)


class Meter:
    def __init__(self, db: Database, metrics: Metrics) -> None:
        self._db, self._metrics = db, metrics
        self._settling: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def hold(self, user_id: str, terms: Terms, *, lifetime: timedelta) -> AsyncIterator[Held]:
        """Raises `InsufficientTokens` when not even a short reply is affordable."""
        held = await self._take(user_id, terms, lifetime)
        try:
            yield held
        finally:
            await asyncio.shield(self._begin_to_settle(held))

    async def drain(self) -> None:
        """Waits for settlements under way; a server that stops calls this before it closes the database."""
        if self._settling:
            await asyncio.wait(self._settling, timeout=GRACE.total_seconds())

    async def _take(self, user_id: str, terms: Terms, lifetime: timedelta) -> Held:
        """Between looking and taking, another reply may have taken its part: then it is looked at again."""
        while True:
            async with self._db.read() as session:
                has = await ledger.balance(session, user_id)
            offer = quote(has, terms.prompt_tokens, terms.max_tokens, terms.rates)
            cut = replace(terms, max_tokens=offer.max_tokens) if offer.affordable else terms
            held = Held(new_id("hld"), user_id, cut.max_tokens, cut.tokens)
            try:
                await self._db.transact(
                    partial(ledger.hold, user_id=user_id, terms=cut, hold_id=held.id, lifetime=lifetime), of=user_id
                )
            except InsufficientTokens:
                if not offer.affordable:
                    raise
            except asyncio.CancelledError:
                # Whether it was taken is not known, and nobody is left who would end it.
                self._begin_to_settle(held)
                raise
            else:
                return held

    def _begin_to_settle(self, held: Held) -> asyncio.Task[None]:
        settling = asyncio.create_task(self._settle(held))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)
        return settling

    async def insist(self, unit: Work[Result], hold_id: str, *, of: str) -> Result:
        """Never gives up while the process lives: the same hold again is the same settlement. `of` is whose it is."""
        wait = 0.05
        while True:
            try:
                return await self._db.transact(unit, of=of)
            except DatabaseUnavailable:
                log.warning("settlement_waits", hold=hold_id)
                await asyncio.sleep(wait)
                wait = min(wait * 2, SETTLE_RETRY_SECONDS_MAX)

    def count(self, resolution: Resolution) -> None:
        self._metrics.tokens_charged.inc(resolution.charged)
        self._metrics.tokens_lost.inc(resolution.surplus)

    async def _settle(self, held: Held) -> None:
        try:
            held.resolution = await self.insist(partial(_end, held=held), held.id, of=held.user_id)
        except UnknownHold:
            return
        self.count(held.resolution)


async def _end(session: Session, held: Held) -> Resolution:
    if held.used is None:
        return await ledger.release(session, held.id)
    return await ledger.settle(session, held.id, held.used)
