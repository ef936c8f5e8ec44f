"""The only module that knows Stripe's SDK. Values of our own go in and out; its errors become ours at the border."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, NoReturn

import aiohttp
import orjson
import stripe
from stripe import _util

from app.billing.records import Dispute, Event, Invoice, Refund, Session, Subscription
from app.billing.terms import Terms, in_stripes_words
from app.billing.till import Account, Mode, PaymentsOff
from app.errors import AppError
from app.observability import logs

# The SDK would wait for 80, and three times that with its retries.
CALL_SECONDS = 20.0
CALL_RETRIES = 2
SIGNED_WITHIN_SECONDS = 300
PAGE = 100
# Stripe would be sent how long its calls take, under a name kept in the home directory.
stripe.enable_telemetry = False
# Below this its log would hold whatever is sent, addresses of people included. What STRIPE_LOG asks for in the
# environment goes past every log of ours, straight to the terminal or the journal.
logging.getLogger("stripe").setLevel(logging.WARNING)
stripe.log = _util.STRIPE_LOG = None
# What a refund of a payment is about, and whether a delayed payment failed, are not on the session itself.
WITH_PAYMENT = ["payment_intent.latest_charge"]
WITH_PAYMENTS = ["payments.data.payment.payment_intent"]
log = logs.get("prome.billing")


class PaymentsFailed(AppError):
    status, code = 502, "payments_failed"
    message = "Our payment provider cannot be reached just now. Nothing was changed; please try again shortly."


class Unreachable(PaymentsFailed):
    """Nobody knows whether the call arrived, or it is still at work; the same call again is safe."""


class Refused(PaymentsFailed):
    """Stripe understood and said no, so asking again helps nobody. `reason` and `field` are Stripe's words for it."""

    def __init__(self, reason: str = "", field: str = "") -> None:
        self.reason, self.field = reason, field
        super().__init__("Our payment provider did not accept this. Nothing was changed.")


class Unknown(Refused):
    """There is no such thing at Stripe, or not in this account: deleted, of a sandbox begun anew, or of another key."""


class NotSigned(AppError):
    status, code, message = 400, "not_signed", "This is not an event that our payment provider signed just now."


class Transport(stripe.AIOHTTPClient):
    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Also an answer that breaks off in the middle is one to ask for again."""
        try:
            return await super().request_async(method, url, headers, post_data)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._handle_request_error(error)

    def _handle_request_error(self, e: Exception) -> NoReturn:
        """Who has waited for so long is not kept for another time: their next click asks under the same key."""
        if isinstance(e, TimeoutError):
            late: Any = stripe.APIConnectionError
            raise late("Stripe did not answer in time.", should_retry=False) from e
        super()._handle_request_error(e)


class Gateway:
    version = stripe.api_version

    def __init__(self, account: Account | None, *, call_seconds: float = CALL_SECONDS) -> None:
        self.account, self._call_seconds = account, call_seconds
        self._transport: Transport | None = None
        self._opened: stripe.StripeClient | None = None

    @property
    def mode(self) -> Mode:
        if self.account is None:
            raise PaymentsOff
        return self.account.mode

    async def close(self) -> None:
        transport, self._transport, self._opened = self._transport, None, None
        if transport:
            await transport.close_async()  # type: ignore[no-untyped-call]

    async def create_customer(self, email: str, user_id: str, *, key: str) -> str:
        with _asking():
            made = await self._stripe.v1.customers.create_async(
                {"email": email, "metadata": {"user_id": user_id}}, {"idempotency_key": key}
            )
        return made.id

    async def open_session(self, terms: Terms) -> Session:
        with _asking():
            params: Any = in_stripes_words(terms)
            made = await self._stripe.v1.checkout.sessions.create_async(params, {"idempotency_key": terms.key})
        return Session.of(made.to_dict())

    async def session(self, session_id: str) -> Session:
        with _asking():
            asked = await self._stripe.v1.checkout.sessions.retrieve_async(session_id, {"expand": WITH_PAYMENT})
        found = Session.of(asked.to_dict())
        if found.invoice_id and found.payment_status == "unpaid":
            # A plan's session says nothing of its payment; that stands with the first invoice.
            found = replace(found, payment_failed=(await self.invoice(found.invoice_id)).payment_failed)
        return found

    async def expire_session(self, session_id: str) -> None:
        with _asking():
            await self._stripe.v1.checkout.sessions.expire_async(session_id)

    async def sessions_of(self, payment_intent: str) -> list[Session]:
        with _asking():
            found = await self._stripe.v1.checkout.sessions.list_async({"payment_intent": payment_intent})
        return [Session.of(one.to_dict()) for one in found.data]

    async def open_sessions_of(self, customer_id: str) -> list[Session]:
        with _asking():
            found = await self._stripe.v1.checkout.sessions.list_async(
                {"customer": customer_id, "status": "open", "limit": PAGE}
            )
            return [Session.of(one.to_dict()) async for one in found.auto_paging_iter()]

    async def complete_sessions(self, since: datetime) -> AsyncIterator[Session]:
        with _asking():
            found = await self._stripe.v1.checkout.sessions.list_async(
                {"status": "complete", "created": {"gte": int(since.timestamp())}, "limit": PAGE}
            )
            async for one in found.auto_paging_iter():
                yield Session.of(one.to_dict())

    async def subscription(self, subscription_id: str) -> Subscription:
        with _asking():
            found = await self._stripe.v1.subscriptions.retrieve_async(subscription_id)
        return Subscription.of(found.to_dict())

    async def subscriptions_of(self, customer_id: str) -> list[str]:
        """Those that are not over."""
        with _asking():
            found = await self._stripe.v1.subscriptions.list_async({"customer": customer_id, "limit": PAGE})
            return [one.id async for one in found.auto_paging_iter()]

    async def end_subscription(self, subscription_id: str) -> None:
        """At once, and not when its period ends."""
        with _asking():
            await self._stripe.v1.subscriptions.cancel_async(subscription_id)

    async def invoice(self, invoice_id: str) -> Invoice:
        with _asking():
            found = await self._stripe.v1.invoices.retrieve_async(invoice_id, {"expand": WITH_PAYMENTS})
        return Invoice.of(found.to_dict())

    async def invoices_of(self, payment_intent: str) -> list[str]:
        with _asking():
            found = await self._stripe.v1.invoice_payments.list_async(
                {"payment": {"type": "payment_intent", "payment_intent": payment_intent}}
            )
        return [one.to_dict()["invoice"] for one in found.data]

    async def refunds_of(self, payment_intent: str) -> list[Refund]:
        with _asking():
            found = await self._stripe.v1.refunds.list_async({"payment_intent": payment_intent, "limit": PAGE})
            return [Refund.of(one.to_dict()) async for one in found.auto_paging_iter()]

    async def refund(self, payment_intent: str, cents: int, return_id: str) -> Refund:
        """The same return again is the same refund."""
        with _asking():
            made = await self._stripe.v1.refunds.create_async(
                {"payment_intent": payment_intent, "amount": cents, "metadata": {"return_id": return_id}},
                {"idempotency_key": return_id},
            )
        return Refund.of(made.to_dict())

    async def dispute(self, dispute_id: str) -> Dispute:
        with _asking():
            found = await self._stripe.v1.disputes.retrieve_async(dispute_id)
        return Dispute.of(found.to_dict())

    async def portal(self, customer_id: str, return_url: str) -> str:
        with _asking():
            made = await self._stripe.v1.billing_portal.sessions.create_async(
                {"customer": customer_id, "return_url": return_url}
            )
        return made.url

    async def undelivered(self, types: Sequence[str], since: datetime) -> AsyncIterator[bytes]:
        """Events that no endpoint of ours has taken, as they would have come."""
        with _asking():
            found = await self._stripe.v1.events.list_async(
                {"types": list(types), "delivery_success": False, "created": {"gte": int(since.timestamp())}}
            )
            async for one in found.auto_paging_iter():
                yield orjson.dumps(one.to_dict(for_json=True))

    def read_event(self, raw: bytes, signature: str) -> Event:
        """What was signed with one of our secrets, within five minutes of now on either side; all else is refused."""
        try:
            text = raw.decode()
            signature.encode("ascii")
        except UnicodeError:
            raise NotSigned from None
        if not self.account or not any(_signed(text, signature, secret) for secret in self.account.secrets):
            raise NotSigned
        return read_snapshot(raw)

    @property
    def _stripe(self) -> stripe.StripeClient:
        """Opened at the first call, because the transport belongs to the loop that it is opened on."""
        if self.account is None:
            raise PaymentsOff
        if self._opened is None:
            self._transport = Transport(timeout=aiohttp.ClientTimeout(total=self._call_seconds))
            self._opened = stripe.StripeClient(
                self.account.key,
                base_addresses={"api": self.account.base},
                http_client=self._transport,
                max_network_retries=CALL_RETRIES,
            )
        return self._opened


def read_snapshot(raw: bytes | str) -> Event:
    """A signed text may still be no event of the kind that we asked for."""
    try:
        found = orjson.loads(raw)
        event = Event.of(found)
        texts = (event.id, event.type, event.api_version)
        plain = all(isinstance(text, str) and text.isprintable() for text in texts) and event.id and event.type
        if found["object"] == "event" and plain and isinstance(event.livemode, bool) and isinstance(event.about, dict):
            return event
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise NotSigned


def _signed(text: str, signature: str, secret: str) -> bool:
    """The SDK refuses what is too old; it would take what is from the future, and with it a copy kept for later."""
    try:
        stripe.WebhookSignature.verify_header(text, signature, secret, tolerance=SIGNED_WITHIN_SECONDS)
        stamps = [part[2:] for part in signature.split(",") if part.startswith("t=")]
        return len(stamps) == 1 and int(stamps[0]) <= time.time() + SIGNED_WITHIN_SECONDS
    except (stripe.SignatureVerificationError, ValueError):
        return False


@contextmanager
def _asking() -> Iterator[None]:
    """Ids and codes go to the log; what Stripe says in words may hold more than that."""
    try:
        yield
    except stripe.StripeError as error:
        field = str(getattr(error, "param", None) or "")
        log.warning("stripe_failed", error=type(error).__name__, status=error.http_status, reason=error.code,
                    field=field, stripe_request=error.request_id)  # fmt: skip
        # A conflict: the first call under this key still runs, and what it brings is for both.
        is_busy = error.http_status == 409
        if is_busy or isinstance(error, stripe.APIConnectionError | stripe.RateLimitError):
            raise Unreachable from None
        if isinstance(error, stripe.APIError):
            raise PaymentsFailed from None
        kind = Unknown if error.code == "resource_missing" else Refused
        raise kind(error.code or "", field) from None
