"""Mail leaves in the background: no caller waits for a mail server, and no answer tells whether one was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.errors import Unavailable
from app.observability import logs
from app.observability.metrics import Metrics
from app.settings import Settings

WAITING_MAX = 1000
ATTEMPT_SECONDS = 20
RETRY_SECONDS = (1.0, 5.0)
# For a letter that somebody asked for while the server was stopping.
LAST_SECONDS = 0.5

log = logs.get("prome.mail")


class MailOff(Unavailable):
    code, message = "mail_off", "This service cannot send mail yet. Please ask its operator."


class Sender(Protocol):
    async def send(self, message: EmailMessage) -> None: ...


class SmtpSender:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._secure, self._host = parts.scheme == "smtps", parts.hostname
        self._port = parts.port or (465 if self._secure else 587)
        self._user, self._password = unquote(parts.username or "") or None, unquote(parts.password or "") or None

    async def send(self, message: EmailMessage) -> None:
        await aiosmtplib.send(
            message,
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._secure,
            timeout=ATTEMPT_SECONDS,
        )


class LogSender:
    """Development without a mail server: the operator reads the mail, and its link, in the log."""

    async def send(self, message: EmailMessage) -> None:
        log.warning("mail_printed", to=message["To"], subject=message["Subject"], text="\n" + message.get_content())


class Post:
    """Takes a letter at once and delivers it when it can; a mail server's hiccup is tried again."""

    def __init__(self, settings: Settings, metrics: Metrics, *, retry_seconds: Sequence[float] = RETRY_SECONDS) -> None:
        self._from, self._metrics, self._retry_seconds = settings.mail_from, metrics, retry_seconds
        self._sender, self._drain_seconds = _sender(settings), settings.drain_seconds
        self._until: float | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def require(self) -> None:
        """Asked before anything else, so that a refusal does not tell to whom a letter would have gone."""
        if self._sender is None:
            raise MailOff(retry_after_seconds=3600)
        if len(self._under_way) >= WAITING_MAX:
            raise Unavailable(retry_after_seconds=30)

    def send(self, to: str, subject: str, text: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._from, to, subject
        # Without these two a letter passes for junk; a domain of our own spares a look-up of the host's name.
        message["Date"], message["Message-ID"] = formatdate(usegmt=True), make_msgid(domain="prome")
        message.set_content(text)
        task = asyncio.get_running_loop().create_task(self._deliver(message))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def drain(self) -> None:
        """Letters have as long as replies do, from when this is first asked for; what is left then is given up."""
        now = asyncio.get_running_loop().time()
        self._until = self._until or now + self._drain_seconds
        if not self._under_way:
            return
        await asyncio.wait(self._under_way, timeout=max(self._until - now, LAST_SECONDS))
        if left := list(self._under_way):
            log.warning("mails_given_up", count=len(left))
            self._metrics.mails.labels("given_up").inc(len(left))
            for task in left:
                task.cancel()
            await asyncio.wait(left)

    async def _deliver(self, message: EmailMessage) -> None:
        assert self._sender is not None
        for delay in (*self._retry_seconds, None):
            try:
                await self._sender.send(message)
            except (aiosmtplib.SMTPException, OSError) as error:
                log.warning("mail_failed", error=type(error).__name__, retried_in_seconds=delay)
            else:
                self._metrics.mails.labels("sent").inc()
                return
            if delay is not None:
                await asyncio.sleep(delay)
        self._metrics.mails.labels("given_up").inc()


def _sender(settings: Settings) -> Sender | None:
    if url := settings.smtp_url.get_secret_value():
        return SmtpSender(url)
    return None if settings.in_production else LogSender()
