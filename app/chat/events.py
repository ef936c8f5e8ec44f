"""The events of a stream as data and as frames. Every word in here is promised to the world."""

from __future__ import annotations

from typing import Any

import orjson

from app.edge.sse import frame
from app.errors import AppError

Data = dict[str, Any]
ANSWER = b'id: %d\nevent: answer\ndata: {"content":%s,"finished":false}\n\n'
LAST_ANSWER = b'id: %d\nevent: answer\ndata: {"content":"","finished":true}\n\n'


def answer(number: int, content: str) -> bytes:
    """The frame that goes out thousands of times a second, so only its text is encoded anew.

    A lone surrogate is a `TypeError`: it is no text, and no provider says one.
    """
    return ANSWER % (number, orjson.dumps(content))


def last_answer(number: int) -> bytes:
    return LAST_ANSWER % number


def whole_answer(number: int, content: str) -> bytes:
    return frame(number, "answer", {"content": content, "finished": True})


def from_text(number: int, event: str, data: str) -> bytes:
    """A frame whose data was kept as the text it was sent as."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, event.encode(), data.encode())


def done(number: int, conversation_id: str, message_id: str, reason: str) -> bytes:
    data = {"conversationId": conversation_id, "messageId": message_id, "finishReason": reason}
    return frame(number, "done", data)


def failure(error: AppError, *, balance: int, conversation_id: str, message_id: str) -> Data:
    """The data of an `error` event. Seconds to wait are the ones of the header that a status would carry."""
    wait = error.headers.get("Retry-After")
    return {
        **error.as_dict(),
        "status": error.status,
        "retryable": getattr(error, "retryable", error.status >= 500),
        **({"retryAfterSeconds": int(wait)} if wait else {}),
        "balance": balance,
        "conversationId": conversation_id,
        "messageId": message_id,
    }


def as_text(data: Data) -> str:
    return orjson.dumps(data).decode()


def as_data(text: str) -> Data:
    data: Data = orjson.loads(text)
    return data
