"""Tells our endpoints what happened: signed, in order, again when it fails, and never while a buyer waits."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import Counter, deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum

import httpx2
import orjson

from app.stripe_sandbox.books import Books, outside
from app.stripe_sandbox.shelf import Thing

RETRY_SECONDS = (1.0, 3.0, 10.0)
ANSWER_SECONDS = 10.0
ANSWER_CHARS = 300
DELIVERY = "_delivery"
LOST = "Lost on the way, as you asked."


@dataclass(frozen=True)
class Webhook:
    url: str
    secret: str


class Trick(StrEnum):
    """What the network does to webhooks, on demand."""

    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"


def signature(payload: bytes, secret: str, at: int) -> str:
    """Stripe's test mode sends a `v0` as well, which proves nothing and has to be passed over."""
    signed = hmac.digest(secret.encode(), b"%d.%s" % (at, payload), "sha256").hex()
    return f"t={at},v1={signed},v0={secrets.token_hex(32)}"


class Courier:
    def __init__(
        self,
        books: Books,
        webhooks: Sequence[Webhook],
        retry_seconds: Sequence[float],
        client: httpx2.AsyncClient | None,
    ) -> None:
        self._books, self._retry_seconds = books, retry_seconds
        self._client, self._own_client = client, client is None
        self._webhooks: dict[str, Webhook] = {}
        self._lines: dict[str, deque[str]] = {}
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.tricks: deque[Trick] = deque()
        self.losing = False
        for webhook in webhooks:
            self.add(webhook)

    def add(self, webhook: Webhook) -> None:
        self._webhooks[webhook.url] = webhook
        self._lines.setdefault(webhook.url, deque())
        self._books.endpoints = len(self._webhooks)

    def take(self, events: list[Thing]) -> None:
        """What one change brought about, in its order."""
        if self.tricks and self.tricks[0] is Trick.REORDER and len(events) > 1:
            self.tricks.popleft()
            events = events[::-1]
        for event in events:
            trick = self.tricks.popleft() if self.tricks and self.tricks[0] is not Trick.REORDER else None
            for webhook in self._webhooks.values():
                if self.losing or trick is Trick.DROP:
                    self._note(webhook, event["id"], None, LOST)
                    continue
                for _ in range(2 if trick is Trick.DUPLICATE else 1):
                    self.send(webhook, event["id"])

    def send_to_all(self, event_id: str) -> None:
        for webhook in self._webhooks.values():
            self.send(webhook, event_id)

    def send(self, webhook: Webhook, event_id: str) -> None:
        """One after another for each endpoint, so that only a failure or a trick changes the order."""
        self._lines[webhook.url].append(event_id)
        if webhook.url not in self._busy:
            self._busy.add(webhook.url)
            self.spawn(self._work_off(webhook))

    def resume(self) -> None:
        """After a restart: whatever has not arrived, was not to be lost, and has tries left."""
        tries = Counter((each["event"], each["url"]) for each in self._books.every(DELIVERY))
        done = {(each["event"], each["url"]) for each in self._books.every(DELIVERY) if _is_over(each)}
        for event in reversed(self._books.every("event")):
            for webhook in self._webhooks.values() if event["pending_webhooks"] else ():
                about = (event["id"], webhook.url)
                if about not in done and tries[about] <= len(self._retry_seconds):
                    self.send(webhook, event["id"])

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Waits until nothing is on its way any more, retries included."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client and self._own_client:
            await self._client.aclose()
            self._client = None

    async def _work_off(self, webhook: Webhook) -> None:
        line = self._lines[webhook.url]
        try:
            while line:
                event_id = line.popleft()
                if not await self._attempt(webhook, event_id):
                    self.spawn(self._try_again(webhook, event_id))
        finally:
            self._busy.discard(webhook.url)

    async def _try_again(self, webhook: Webhook, event_id: str) -> None:
        for seconds in self._retry_seconds:
            await asyncio.sleep(seconds)
            if await self._attempt(webhook, event_id):
                return

    async def _attempt(self, webhook: Webhook, event_id: str) -> bool:
        event = self._books.find("event", event_id)
        payload = orjson.dumps(outside(event), option=orjson.OPT_INDENT_2)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(payload, webhook.secret, int(time.time())),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=ANSWER_SECONDS, follow_redirects=False, trust_env=False)
        try:
            answer = await self._client.post(webhook.url, content=payload, headers=headers, follow_redirects=False)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            self._note(webhook, event_id, None, f"{type(error).__name__}: {error}")
            return False
        self._note(webhook, event_id, answer.status_code, answer.text)
        return answer.is_success

    def _note(self, webhook: Webhook, event_id: str, status: int | None, answer: str) -> None:
        with self._books.shelf.change():
            event = self._books.find("event", event_id)
            earlier = self._books.every(DELIVERY, event=event_id, url=webhook.url)
            if _arrived(status) and not any(_arrived(each["status"]) for each in earlier):
                self._books.put({**event, "pending_webhooks": max(0, event["pending_webhooks"] - 1)})
            delivery = {
                "id": self._books.new_id("whd"), "object": DELIVERY, "event": event_id, "type": event["type"],
                "url": webhook.url, "status": status, "answer": answer[:ANSWER_CHARS], "created": self._books.now(),
            }  # fmt: skip
            self._books.put(delivery)


def _is_over(delivery: Thing) -> bool:
    return _arrived(delivery["status"]) or delivery["answer"] == LOST


def _arrived(status: int | None) -> bool:
    return status is not None and 200 <= status < 300
