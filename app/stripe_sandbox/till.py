"""The till: what a buyer, a bank and a network may do to us, each as one method. It is what tests and pages press."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import httpx2

from app.clock import Clock, SystemClock
from app.stripe_sandbox import checkout, disputes, refunds, sessions, subscriptions
from app.stripe_sandbox.books import Books, outside
from app.stripe_sandbox.checkout import Pay
from app.stripe_sandbox.errors import Refusal
from app.stripe_sandbox.shelf import Thing
from app.stripe_sandbox.webhooks import DELIVERY, RETRY_SECONDS, Courier, Trick, Webhook

__all__ = ["SANDBOX_KEY", "SANDBOX_SECRET", "Fault", "Pay", "Refusal", "Till", "Trick", "Webhook"]

SANDBOX_KEY = "sk_test_sandbox"
# Not a secret at all: the till signs with it what only a server of one's own machine is told.
SANDBOX_SECRET = "whsec_sandbox_till_of_this_machine"
# The one of the SDK that is pinned; a test holds the two together.
API_VERSION = "2026-10-28.endive"


class Fault(StrEnum):
    """What may become of a call to the API."""

    ERROR = "error"
    """Nothing was done."""
    LOST = "lost"
    """It was done, and the answer says that it was not; the same key again tells the truth."""
    LIMITED = "limited"


class Till:
    """`async with till:` takes up what a restart has interrupted, and ends its background work."""

    def __init__(
        self,
        path: Path | None = None,
        webhooks: Sequence[Webhook] = (),
        *,
        api_version: str = API_VERSION,
        key: str = SANDBOX_KEY,
        clock: Clock | None = None,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        debit_seconds: float | None = None,
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        """Without `debit_seconds` a debit waits for `finish_debit`; `client` is what webhooks are sent with."""
        self.key, self.debit_seconds = key, debit_seconds
        self.faults: deque[Fault] = deque()
        self.books = Books(path, clock or SystemClock(), api_version)
        self._courier = Courier(self.books, webhooks, retry_seconds, client)
        self.books.on_events = self._courier.take

    async def __aenter__(self) -> Till:
        self._courier.resume()
        for session in checkout.debits_on_their_way(self.books):
            self._finish_later(session["id"])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._courier.close()
        self.books.shelf.close()

    async def settled(self) -> None:
        """Waits until every webhook has been delivered or given up, and every timed debit is through."""
        await self._courier.settled()

    # What a buyer does.

    def pay(self, session_id: str, how: Pay = Pay.CARD, *, email: str = "") -> Thing:
        with self.books.change():
            session = checkout.pay(self.books, session_id, how, email)
        if how in (Pay.DEBIT_SUCCEEDS, Pay.DEBIT_FAILS):
            self._finish_later(session_id)
        return outside(session)

    def cancel_plan(self, subscription_id: str) -> Thing:
        return self._set_cancel(subscription_id, True)

    def resume_plan(self, subscription_id: str) -> Thing:
        return self._set_cancel(subscription_id, False)

    def _set_cancel(self, subscription_id: str, cancel: bool) -> Thing:
        with self.books.change():
            return outside(subscriptions.cancel_at_period_end(self.books, subscription_id, cancel))

    # What a bank, a calendar or Stripe does.

    def finish_debit(self, session_id: str, *, succeeds: bool | None = None) -> Thing:
        with self.books.change():
            return outside(checkout.finish_debit(self.books, session_id, succeeds=succeeds))

    def expire(self, session_id: str) -> Thing:
        with self.books.change():
            return outside(sessions.expire(self.books, self.books.find("checkout.session", session_id)))

    def refund(self, payment_intent: str, amount: int | None = None) -> Thing:
        with self.books.change():
            charge = refunds.charge_of(self.books, {"payment_intent": payment_intent})
            return outside(refunds.make(self.books, charge, amount))

    def fail_refund(self, refund_id: str) -> Thing:
        with self.books.change():
            return outside(refunds.fail(self.books, refund_id))

    def dispute(self, payment_intent: str, *, inquiry: bool = False) -> Thing:
        with self.books.change():
            charge = refunds.charge_of(self.books, {"payment_intent": payment_intent})
            return outside(disputes.make(self.books, charge, inquiry=inquiry))

    def close_dispute(self, dispute_id: str, *, won: bool) -> Thing:
        with self.books.change():
            return outside(disputes.close(self.books, dispute_id, won=won))

    def renew(self, subscription_id: str, *, paid: bool = True) -> Thing:
        with self.books.change():
            return outside(subscriptions.renew(self.books, subscription_id, paid=paid))

    def end_plan(self, subscription_id: str) -> Thing:
        with self.books.change():
            return outside(subscriptions.end(self.books, self.books.find("subscription", subscription_id)))

    # What the network does.

    def send_to(self, webhook: Webhook) -> None:
        self._courier.add(webhook)

    def fail_calls(self, *faults: Fault) -> None:
        """What becomes of the next calls to the API, one after another."""
        self.faults.extend(faults)

    def trick(self, *tricks: Trick) -> None:
        """What happens to the next webhooks, one after another."""
        self._courier.tricks.extend(tricks)

    def lose_webhooks(self, losing: bool = True) -> None:
        """Until told otherwise, none arrives; each can still be resent."""
        self._courier.losing = losing

    def resend(self, event_id: str, *, as_new: bool = False) -> None:
        """As it was, or under a new id, as when Stripe tells the same thing twice."""
        event = self.books.find("event", event_id)
        if as_new:
            event = self.books.put({**event, "id": self.books.new_id("evt")})
        self._courier.send_to_all(event["id"])

    # What can be seen.

    def events(self, *types: str) -> list[Thing]:
        """In the order in which they happened."""
        return [outside(event) for event in self.books.every("event")[::-1] if not types or event["type"] in types]

    def deliveries(self) -> list[Thing]:
        """Every try, with what was answered."""
        return self.books.every(DELIVERY)[::-1]

    @property
    def tricks(self) -> list[Trick]:
        return list(self._courier.tricks)

    @property
    def losing(self) -> bool:
        return self._courier.losing

    def tidy(self) -> None:
        """Sessions whose time is up are closed whenever somebody looks."""
        with self.books.change():
            sessions.expire_overdue(self.books)

    def _finish_later(self, session_id: str) -> None:
        if self.debit_seconds is not None:
            self._courier.spawn(self._finish(session_id, self.debit_seconds))

    async def _finish(self, session_id: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        waiting = {session["id"] for session in checkout.debits_on_their_way(self.books)}
        # The developer page may have been quicker.
        if session_id in waiting:
            self.finish_debit(session_id)
