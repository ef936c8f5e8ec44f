"""The same key again gets the same answer, even when that was an error; with other parameters it is refused."""

from __future__ import annotations

from typing import Any

from app.stripe_sandbox.books import Books
from app.stripe_sandbox.errors import Refusal

KIND = "_idempotency"
KEPT_SECONDS = 24 * 60 * 60
KEY_CHARS_MAX = 255
Answer = tuple[int, dict[str, Any]]


def remembered(books: Books, key: str, asked: str) -> Answer | None:
    if len(key) > KEY_CHARS_MAX:
        raise Refusal("Idempotency-Key is too long: at most 255 characters", kind="idempotency_error")
    found = books.shelf.find(f"idempotency:{key}", KIND)
    if found is None or books.now() - found["created"] > KEPT_SECONDS:
        return None
    if found["asked"] != asked:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
        raise Refusal(message, kind="idempotency_error")
    return found["status"], found["body"]


def remember(books: Books, key: str, asked: str, answer: Answer) -> None:
    kept = {"id": f"idempotency:{key}", "asked": asked, "status": answer[0], "body": answer[1], "created": books.now()}
    books.shelf.put(KIND, kept)
