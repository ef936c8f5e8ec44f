"""People who do what any client does: ask again by the same key, read on where they were, leave, come back and stop."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2

from tests.chat.callers import ASYNC, EVENTS, JSON, STREAMS, URL, Caller
from tests.chat.strict import Event, Parser, require_grammar

TRY_AGAIN_SECONDS = 0.2
# What a reply says of itself that has not ended as it should.
CUT_SHORT = {"interrupted", "draining"}


@dataclass
class Asked:
    """One reply, as whoever asked for it has seen it."""

    text: str
    stream_id: str = ""
    seen: list[Event] = field(default_factory=list)
    # Of a reply that was asked for as JSON, and ended well.
    content: str | None = None
    # What was told of its bill, by a stream, in JSON or on stopping it.
    told: list[dict[str, Any]] = field(default_factory=list)


class Person:
    def __init__(self, caller: Caller, luck: random.Random, words: int) -> None:
        """Their replies have so many words."""
        self.caller, self.luck, self.words = caller, luck, words
        self.asked: list[Asked] = []
        self.troubles: Counter[str] = Counter()

    async def keep_asking(self, enough: asyncio.Event) -> None:
        manners = (self.read, self.leave_and_come_back, self.read_at_once, self.stop)
        while not enough.is_set():
            asked = Asked(f"ask {uuid4().hex}")
            await self.luck.choice(manners)(asked)
            self.asked.append(asked)

    async def read(self, asked: Asked) -> None:
        await self._ask_for_events(asked, cut_after=10**9)
        await self._read_to_the_end(asked)

    async def leave_and_come_back(self, asked: Asked) -> None:
        await self._ask_for_events(asked, cut_after=self.luck.randint(1, self.words))
        await asyncio.sleep(self.luck.random())
        await self._read_to_the_end(asked)

    async def read_at_once(self, asked: Asked) -> None:
        answer = await self._insist("POST", URL, {"message": asked.text}, JSON, takes=(200,))
        asked.stream_id = answer.headers["X-Stream-Id"]
        if answer.status_code == 200:
            body = answer.json()
            asked.content, asked.told = body["content"], [body["usage"]]

    async def stop(self, asked: Asked) -> None:
        answer = await self._insist("POST", URL, {"message": asked.text}, {**JSON, **ASYNC}, takes=(202,))
        asked.stream_id = answer.json()["streamId"]
        await asyncio.sleep(self.luck.random() * 2)
        for _ in range(2):
            answer = await self._insist("DELETE", f"{STREAMS}/{asked.stream_id}", None, JSON, takes=(200,))
            asked.told.append(answer.json())

    async def _insist(
        self, method: str, path: str, body: object, headers: dict[str, str], takes: tuple[int, ...]
    ) -> httpx2.Response:
        """Until it is done. The key makes it one reply, however often it is asked for."""
        named = {**headers, "Idempotency-Key": uuid4().hex}
        while True:
            with suppress(httpx2.TransportError):
                answer = await self.caller.http.request(method, path, json=body, headers=named)
                if answer.status_code in takes or _is_of_a_reply_cut_short(answer.json()):
                    return answer
                self._is_told_to_come_again(answer)
            await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def _ask_for_events(self, asked: Asked, cut_after: int) -> None:
        named = {**EVENTS, "Idempotency-Key": uuid4().hex}
        while not asked.seen:
            with suppress(httpx2.TransportError):
                async with self.caller.http.stream("POST", URL, json={"message": asked.text}, headers=named) as reply:
                    if reply.status_code == 200:
                        await self._take(asked, reply, cut_after)
                        continue
                    await reply.aread()
                    self._is_told_to_come_again(reply)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        asked.stream_id = asked.seen[0].data["streamId"]

    async def _read_to_the_end(self, asked: Asked) -> None:
        while asked.seen[-1].name not in ("done", "error"):
            with suppress(httpx2.TransportError):
                async with self.caller.following(asked.stream_id, asked.seen[-1].id) as reply:
                    if reply.status_code == 200:
                        await self._take(asked, reply, 10**9)
                        continue
                    await reply.aread()
                    self._is_told_to_come_again(reply)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        require_grammar(asked.seen)
        asked.told += [event.data for event in asked.seen if event.name == "usage"]

    async def _take(self, asked: Asked, reply: httpx2.Response, at_most: int) -> None:
        parser = Parser()
        async for data in reply.aiter_raw():
            asked.seen += parser.feed(data)
            if len(asked.seen) >= at_most:
                return

    def _is_told_to_come_again(self, answer: httpx2.Response) -> None:
        assert answer.status_code == 503, (answer.status_code, answer.content)
        assert "Retry-After" in answer.headers, answer.content
        as_events = answer.headers["content-type"].startswith("text/event-stream")
        body = Parser().feed(answer.content)[0].data if as_events else answer.json()
        self.troubles[body["code"]] += 1


def _is_of_a_reply_cut_short(body: dict[str, Any]) -> bool:
    return bool(body.get("streamId")) and body["code"] in CUT_SHORT
