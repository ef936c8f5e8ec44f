"""A real SMTP server on loopback that keeps what it is sent, after having turned away as often as it is told to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from typing import Any, Self

from tests.waiting import WAIT_SECONDS_MAX, eventually, hang_up

RETRY_LATER = b"451 4.3.0 Not just now.\r\n"


class Mailbox:
    def __init__(self, *, refusals: int = 0) -> None:
        self._refusals_left, self._talks = refusals, 0
        self.letters: asyncio.Queue[EmailMessage] = asyncio.Queue()
        self.url = ""

    async def next_letter(self) -> EmailMessage:
        return await asyncio.wait_for(self.letters.get(), WAIT_SECONDS_MAX)

    async def next_token(self) -> str:
        """What the link in the mail hands over."""
        found = re.search(r"/reset#token=(\S+)", (await self.next_letter()).get_content())
        assert found
        return found[1]

    @asynccontextmanager
    async def open(self, credentials: str = "") -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"smtp://{credentials}127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self
        await eventually(lambda: not self._talks)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks += 1
        try:
            writer.write(b"220 mail.example ESMTP\r\n")
            while line := await reader.readline():
                command = line.split(None, 1)[0].upper()
                writer.write(await self._answer(command, reader, writer))
                if command == b"QUIT":
                    break
        finally:
            await hang_up(writer)
            self._talks -= 1

    async def _answer(self, command: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        if command == b"EHLO":
            return b"250-mail.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
        if command == b"MAIL" and self._refusals_left:
            self._refusals_left -= 1
            return RETRY_LATER
        if command == b"DATA":
            writer.write(b"354 Go on.\r\n")
            raw = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
            letter: Any = BytesParser(policy=SMTP).parsebytes(raw)
            self.letters.put_nowait(letter)
        return b"221 Bye.\r\n" if command == b"QUIT" else b"250 Fine.\r\n"
