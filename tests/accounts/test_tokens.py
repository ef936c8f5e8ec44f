"""Whose a token is, is remembered; whether it still holds is asked each time."""

from __future__ import annotations

import pytest

from app.accounts.tokens import Claims, Tokens
from app.errors import Unauthenticated
from app.settings import Settings
from tests.fakes.clock import FakeClock

SECRET = "a secret of thirty-two bytes, at the least"


def test_a_token_that_was_read_before_ends_with_its_time() -> None:
    clock = FakeClock()
    tokens = Tokens(Settings(_env_file=None, jwt_secret=SECRET), clock)
    claims = Claims("usr_ann", "sgn_one", clock.now().replace(microsecond=0))
    token = tokens.issue(claims)

    assert tokens.read(token) == tokens.read(token) == claims
    clock.advance(seconds=tokens.lifetime.total_seconds() - 1)
    assert tokens.read(token) == claims
    clock.advance(seconds=1)
    with pytest.raises(Unauthenticated):
        tokens.read(token)


def test_a_token_that_was_read_before_is_still_no_ticket() -> None:
    clock = FakeClock()
    tokens = Tokens(Settings(_env_file=None, jwt_secret=SECRET), clock)
    token = tokens.issue(Claims("usr_ann", "sgn_one", clock.now()))
    tokens.read(token)

    with pytest.raises(Unauthenticated):
        tokens.read_ticket(token, "str_one")
