"""The watch over an upstream that may be late."""

from __future__ import annotations

import pytest

from app.providers.guards import BYTES_PER_TOKEN_MAX, Guards, Watch
from tests.conftest import settings_for
from tests.fakes.loop import FakeLoop

GUARDS = Guards(first_content_seconds=30, progress_seconds=10, turn_seconds_max=600)


class Watched:
    """A watch and when it hung up, in seconds since it began."""

    def __init__(self, guards: Guards = GUARDS) -> None:
        self.loop = FakeLoop()
        self._began = self.loop.time()
        self.hung_up: list[float] = []
        self.watch = Watch(guards, self.loop)
        self.watch.start(lambda: self.hung_up.append(self.loop.time() - self._began))

    def hear_every(self, seconds: float, *, times: int) -> None:
        for _ in range(times):
            self.loop.pass_by(seconds)
            self.watch.heard()


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_the_guards_are_those_of_the_settings() -> None:
    guards = Guards.of(settings_for("sqlite:///x.db", first_content_seconds=3, progress_seconds=4, turn_seconds_max=5))

    assert (guards.first_content_seconds, guards.progress_seconds, guards.turn_seconds_max) == (3, 4, 5)


def test_a_long_reply_may_be_larger() -> None:
    assert GUARDS.bytes_max(100_000) - GUARDS.bytes_max(0) == 100_000 * BYTES_PER_TOKEN_MAX


def test_silence_before_the_first_words_ends_it_once(watched: Watched) -> None:
    watched.loop.pass_by(1000)

    assert watched.hung_up == [30]
    assert watched.watch.is_over


def test_each_words_give_it_the_same_time_again(watched: Watched) -> None:
    watched.hear_every(9, times=20)
    assert watched.hung_up == []
    watched.loop.pass_by(100)

    assert watched.hung_up == [190]


def test_no_words_put_off_the_end_of_the_turn(watched: Watched) -> None:
    watched.hear_every(5, times=200)

    assert watched.hung_up == [600]


def test_nobody_is_late_while_the_reader_is_busy(watched: Watched) -> None:
    watched.watch.rest()
    watched.loop.pass_by(200)
    assert watched.hung_up == []
    watched.watch.heard()
    watched.loop.pass_by(100)

    assert watched.hung_up == [210]


def test_after_the_reason_to_finish_the_end_comes_soon_and_is_not_put_off(watched: Watched) -> None:
    watched.hear_every(5, times=1)

    for _ in range(5):
        watched.watch.finish_within(2)
        watched.loop.pass_by(0.5)

    assert watched.hung_up == [7]


def test_a_watch_that_was_stopped_never_hangs_up(watched: Watched) -> None:
    watched.watch.stop()

    watched.loop.pass_by(1000)

    assert watched.hung_up == []
    assert not watched.watch.is_over
