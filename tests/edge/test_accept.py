"""Which form a caller likes best."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from app.edge import accept

OFFERED = ["text/event-stream", "application/json", "text/plain"]
EVENTS, JSON, TEXT = OFFERED


def request(**headers: str) -> Request:
    return Request({"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]})


@pytest.mark.parametrize(
    ("said", "preferred"),
    [
        ("", EVENTS),
        ("*/*", EVENTS),
        ("text/event-stream", EVENTS),
        ("application/json", JSON),
        ("application/*", JSON),
        ("text/plain", TEXT),
        ("text/*", EVENTS),
        ("Application/JSON; charset=utf-8", JSON),
        ("text/html, application/json", JSON),
        ("application/json, text/plain, */*", JSON),
        ("*/*, application/json", EVENTS),
        ("text/plain;q=0.9, application/json;q=0.5", TEXT),
        ("application/json;q=0.5, text/plain;q=0.9", TEXT),
        ("application/json;q=nonsense", JSON),
        ("image/png", EVENTS),
        ("application/*;q=0", EVENTS),
        (";;;,,,q=1", EVENTS),
    ],
)
def test_the_best_liked_of_what_is_on_offer(said: str, preferred: str) -> None:
    assert accept.preferred(request(accept=said), OFFERED) == preferred


@pytest.mark.parametrize("unwanted", ["application/json;q=0, text/plain", "text/plain, application/json; q=0.0"])
def test_what_is_not_wanted_is_not_given(unwanted: str) -> None:
    assert accept.preferred(request(accept=unwanted), [JSON, TEXT]) == TEXT


def test_of_what_is_unwanted_the_rest_is_given() -> None:
    assert accept.preferred(request(accept="text/event-stream;q=0, */*;q=0.1"), OFFERED) == JSON


@pytest.mark.parametrize(
    ("said", "prefers"),
    [
        ("respond-async", True),
        ("Respond-Async, wait=10", True),
        ("wait=10, respond-async; x=y", True),
        ("respond-asynchronously", False),
        ("wait=10", False),
        ("", False),
    ],
)
def test_a_preference_is_found_among_others(said: str, *, prefers: bool) -> None:
    assert accept.prefers(request(prefer=said), "respond-async") is prefers
