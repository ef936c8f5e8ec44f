"""How often a process reads when many upstreams speak at once: seldom enough to have time, often enough for eyes."""

from __future__ import annotations

import pytest

from app.providers.pace import GRAIN_SECONDS, READS_PER_SECOND_MAX, REST_SECONDS_MAX, Pace
from tests.fakes.loop import FakeLoop


class Upstream:
    """Says a word every so often. What is said while it is not read waits, and comes with the next read."""

    def __init__(self, loop: FakeLoop, pace: Pace, gap_seconds: float, begins: float) -> None:
        self._loop, self._pace, self._gap = loop, pace, gap_seconds
        self._unread: list[float] = []
        self._may_read, self.talks = True, True
        self.counted_in = 0.0
        self.reads: list[float] = []
        self.waits: list[float] = []
        loop.call_at(loop.time() + begins, self._say)

    def rest(self) -> None:
        self._may_read = False

    def rested(self) -> None:
        self._may_read = True
        self._read()

    def _say(self) -> None:
        self._unread.append(self._loop.time())
        self._read()
        if self.talks:
            self._loop.call_at(self._loop.time() + self._gap, self._say)

    def _read(self) -> None:
        if self._may_read and self._unread:
            now = self._loop.time()
            self.reads.append(now)
            self.waits += [now - said for said in self._unread]
            self._unread.clear()
            self._pace.after_read(self)


class Crowd:
    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.pace = Pace(self.loop)

    def of(self, streams: int, gap_seconds: float) -> list[Upstream]:
        """They begin one after another, within one gap."""
        return [Upstream(self.loop, self.pace, gap_seconds, gap_seconds * place / streams) for place in range(streams)]

    def reads_a_second(self, streams: list[Upstream], seconds: float) -> float:
        """From now on."""
        before = sum(len(stream.reads) for stream in streams)
        self.loop.pass_by(seconds)
        return (sum(len(stream.reads) for stream in streams) - before) / seconds


def longest_wait(streams: list[Upstream]) -> float:
    return max(wait for stream in streams for wait in stream.waits)


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


def test_each_word_of_a_few_is_read_as_it_comes(crowd: Crowd) -> None:
    few = crowd.of(60, 0.02)
    crowd.loop.pass_by(1)

    assert longest_wait(few) == 0


@pytest.mark.parametrize("streams", [120, 200])
def test_of_many_words_some_come_together_and_none_is_lost_or_late(crowd: Crowd, streams: int) -> None:
    many = crowd.of(streams, 0.02)
    crowd.loop.pass_by(0.5)

    assert crowd.reads_a_second(many, 0.5) <= READS_PER_SECOND_MAX
    for stream in many:
        stream.talks = False
    crowd.loop.pass_by(REST_SECONDS_MAX + GRAIN_SECONDS)
    assert sum(len(stream.waits) for stream in many) == pytest.approx(streams * 50, rel=0.03)
    assert longest_wait(many) <= streams / READS_PER_SECOND_MAX + GRAIN_SECONDS + 0.001


def test_however_many_there_are_no_word_waits_longer_than_that(crowd: Crowd) -> None:
    very_many = crowd.of(500, 0.02)
    crowd.loop.pass_by(0.3)

    assert REST_SECONDS_MAX / 2 <= longest_wait(very_many) <= REST_SECONDS_MAX + GRAIN_SECONDS


def test_the_first_word_of_one_more_waits_for_nothing(crowd: Crowd) -> None:
    crowd.of(150, 0.02)
    crowd.loop.pass_by(0.3)
    (one_more,) = crowd.of(1, 0.02)
    crowd.loop.pass_by(0.2)

    assert one_more.waits[0] == 0
    assert max(one_more.waits) > 0


def test_who_speaks_slowly_is_not_held_up_by_those_who_speak_fast(crowd: Crowd) -> None:
    fast, slow = crowd.of(150, 0.02), crowd.of(150, 0.3)
    crowd.loop.pass_by(1)

    assert longest_wait(fast) > 0
    assert longest_wait(slow) == 0


def test_when_most_have_gone_the_rest_are_read_as_they_come(crowd: Crowd) -> None:
    many = crowd.of(200, 0.02)
    crowd.loop.pass_by(0.3)
    for stream in many[60:]:
        stream.talks = False
    crowd.loop.pass_by(0.5)
    for stream in many[:60]:
        stream.waits.clear()
    crowd.loop.pass_by(0.5)

    assert longest_wait(many[:60]) == 0
