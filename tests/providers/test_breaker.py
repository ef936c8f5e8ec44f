"""When a provider is left alone, and when it is asked again."""

from __future__ import annotations

from app.providers.breaker import OPEN_SECONDS_MAX, Breaker, Pass, State
from tests.fakes.clock import Stopwatch


def admitted(breaker: Breaker) -> Pass:
    found = breaker.admit()
    assert found is not None
    return found


def state_of(breaker: Breaker) -> State:
    return breaker.state


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(admitted(breaker))


def opened(watch: Stopwatch) -> Breaker:
    breaker = Breaker(watch)
    fail(breaker, 5)
    return breaker


def test_five_failures_in_a_row_open_it() -> None:
    breaker = Breaker(Stopwatch())

    fail(breaker, 4)
    assert state_of(breaker) is State.CLOSED
    fail(breaker)

    assert state_of(breaker) is State.OPEN
    assert breaker.admit() is None
    assert breaker.retry_after_seconds() == 15


def test_a_success_between_starts_the_count_again() -> None:
    breaker = Breaker(Stopwatch())

    fail(breaker, 4)
    breaker.succeeded(admitted(breaker))
    fail(breaker, 4)

    assert state_of(breaker) is State.CLOSED


def test_half_of_the_last_twenty_open_it_as_well() -> None:
    breaker = Breaker(Stopwatch())

    for _ in range(9):
        fail(breaker)
        breaker.succeeded(admitted(breaker))
    assert state_of(breaker) is State.CLOSED
    fail(breaker)

    assert state_of(breaker) is State.OPEN


def test_old_failures_are_forgotten() -> None:
    breaker = Breaker(Stopwatch())

    for _ in range(100):
        fail(breaker)
        for _ in range(2):
            breaker.succeeded(admitted(breaker))

    assert state_of(breaker) is State.CLOSED


def test_after_a_while_one_is_sent_to_see() -> None:
    watch = Stopwatch()
    breaker = opened(watch)

    watch.now += 14.9
    assert breaker.admit() is None
    watch.now += 0.1

    assert breaker.admit() is not None
    assert state_of(breaker) is State.HALF_OPEN
    assert breaker.admit() is None


def test_first_words_close_it_without_waiting_for_the_last() -> None:
    watch = Stopwatch()
    breaker = opened(watch)
    watch.now += 15

    breaker.spoke(admitted(breaker))

    assert state_of(breaker) is State.CLOSED
    fail(breaker, 4)
    assert state_of(breaker) is State.CLOSED


def test_each_failure_to_see_doubles_the_wait_up_to_a_limit() -> None:
    watch = Stopwatch()
    breaker = opened(watch)

    waits = []
    for _ in range(6):
        waits.append(breaker.retry_after_seconds())
        watch.now += waits[-1]
        fail(breaker)

    assert waits == [15, 30, 60, 120, 120, 120]
    assert waits[-1] == OPEN_SECONDS_MAX


def test_the_wait_is_short_again_after_it_was_closed() -> None:
    watch = Stopwatch()
    breaker = opened(watch)
    watch.now += 15
    fail(breaker)
    watch.now += 30
    breaker.succeeded(admitted(breaker))

    fail(breaker, 5)

    assert breaker.retry_after_seconds() == 15


def test_what_was_before_it_closed_is_forgotten() -> None:
    watch = Stopwatch()
    breaker = Breaker(watch)
    for _ in range(10):
        breaker.succeeded(admitted(breaker))
        fail(breaker)
    watch.now += 15
    breaker.succeeded(admitted(breaker))

    fail(breaker, 4)

    assert state_of(breaker) is State.CLOSED


def test_one_that_was_sent_to_see_and_left_makes_room_for_the_next() -> None:
    watch = Stopwatch()
    breaker = opened(watch)
    watch.now += 15

    breaker.left(admitted(breaker))

    assert state_of(breaker) is State.OPEN
    assert breaker.admit() is not None


def test_news_of_another_time_change_nothing() -> None:
    watch = Stopwatch()
    breaker = Breaker(watch)
    early = admitted(breaker)
    fail(breaker, 5)

    breaker.succeeded(early)
    breaker.spoke(early)
    breaker.left(early)
    assert state_of(breaker) is State.OPEN
    watch.now += 15
    seeing = admitted(breaker)
    breaker.failed(early)
    assert state_of(breaker) is State.HALF_OPEN
    breaker.succeeded(seeing)

    assert state_of(breaker) is State.CLOSED


def test_every_change_is_told() -> None:
    watch = Stopwatch()
    told: list[State] = []
    breaker = Breaker(watch, told.append)

    fail(breaker, 5)
    watch.now += 15
    breaker.succeeded(admitted(breaker))

    assert told == [State.OPEN, State.HALF_OPEN, State.CLOSED]
