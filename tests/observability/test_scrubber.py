"""What looks, sounds or is known to be a secret does not reach the log."""

from __future__ import annotations

import pytest

from app.observability.logs import HIDDEN, Scrubber

TOKEN = "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"
HASH = "$2b$12$" + "N9qo8uLOickgx2ZMRZoMye" + "IjZAgcfl7p92ldGxad68LJZdL17lh" + "aa"


@pytest.mark.parametrize(
    "name",
    ["password", "newPassword", "jwt_secret", "token", "Authorization", "set-cookie", "PEPPER", "api_key", "apikey",
     "ticket"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["hunter2", ["hunter2"], {"a": "hunter2"}, b"hunter2"])
def test_what_sounds_like_a_secret_is_hidden(name: str, value: object) -> None:
    assert Scrubber()(None, "", {name: value}) == {name: HIDDEN}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Bearer abc.def", ""),
        (f"got {TOKEN} there", "got  there"),
        ("key sk_live_abc123 sent", "key  sent"),
        ("rk_test_abc123", ""),
        ("whsec_abc123", ""),
        ("sk-proj-abcdefghijklmnop", ""),
        ("postgresql://prome:hunter2@db/prome", "postgresql://@db/prome"),
        ("smtps://:hunter2@mail:465", "smtps://@mail:465"),
        (f"hash {HASH}", "hash "),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_looks_like_a_secret_is_cut_out(text: str, kept: str, *, wrapped: bool) -> None:
    event = Scrubber()(None, "", {"event": {"deep": [text]} if wrapped else text})

    said = event["event"].removeprefix("{'deep': ['").removesuffix("']}")
    assert said.replace(HIDDEN, "") == kept
    assert HIDDEN in said


def test_our_own_secrets_are_cut_out_whatever_they_look_like() -> None:
    scrub = Scrubber(["plain words, (as it happens)", "plain words"])

    event = scrub(None, "", {"event": "it is plain words, (as it happens) or plain words.", "path": "/plain words"})

    assert event == {"event": f"it is {HIDDEN} or {HIDDEN}.", "path": f"/{HIDDEN}"}


@pytest.mark.parametrize(
    "event", [{"tokens": 120, "prompt_tokens": 7}, {"ms": 1.5}, {"mail_sent": True}, {"path": "/reset"}, {"x": None}]
)
def test_counts_and_plain_words_stay(event: dict[str, object]) -> None:
    assert Scrubber(["", "a", "/res"])(None, "", dict(event)) == event
