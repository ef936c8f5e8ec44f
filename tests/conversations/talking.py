"""Conversations written as the chat room writes them, without a model."""

from __future__ import annotations

from typing import Any

from app.conversations import conversations, messages, search
from app.conversations.tables import Message
from app.ids import new_id
from app.services import Services

URL = "/api/conversations"


def message(conversation_id: str, number: int, parent_id: str | None, content: str, **more: Any) -> Message:
    values: dict[str, Any] = {
        "id": new_id("msg"),
        "role": "user" if number % 2 else "assistant",
        "status": "complete",
        "tokens": len(content.split()),
        "encoding": "o200k_base",
        **more,
    }
    return Message(conversation_id=conversation_id, number=number, parent_id=parent_id, content=content, **values)


class Talk:
    """A conversation of one person; `say` adds to the tip or below a message, and each thing said is a second later."""

    def __init__(self, services: Services, user_id: str, conversation_id: str | None = None) -> None:
        self.services, self.user_id = services, user_id
        self.id = conversation_id or new_id("cnv")
        self.said: list[Message] = []

    @property
    def url(self) -> str:
        return f"{URL}/{self.id}"

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.said]

    async def begin(self, title: str) -> Talk:
        async with self.services.db.begin() as session:
            await conversations.create(session, self.id, self.user_id, title, self.services.clock.now())
            # A title of its own, which no message begins with.
            await search.remember_title(session, self.id, title)
        return self

    async def say(self, content: str, *, below: Message | None = None, first: bool = False, **more: Any) -> Message:
        parent = None if first else below or (self.said[-1] if self.said else None)
        number, parent_id = (parent.number + 1, parent.id) if parent else (1, None)
        now = self.services.clock.now()
        one = message(self.id, number, parent_id, content, **{"created_at": now, **more})
        async with self.services.db.begin() as session:
            await messages.write(session, one)
            await conversations.move_tip(session, self.id, one.id, now)
        self.said.append(one)
        advance = getattr(self.services.clock, "advance", None)
        if advance:
            advance(seconds=1)
        return one


async def talk(services: Services, user_id: str, *texts: str, title: str = "A talk") -> Talk:
    found = await Talk(services, user_id).begin(title)
    for text in texts:
        await found.say(text)
    return found
