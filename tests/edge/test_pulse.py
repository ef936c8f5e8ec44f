"""One pulse looks after all readers of a process, and nothing that fails in it leaves them alone."""

from __future__ import annotations

import pytest

from app.db import DatabaseUnavailable
from app.edge import pulse
from app.edge.pulse import Reader, Readers
from tests.waiting import soon


@pytest.mark.parametrize("trouble", [DatabaseUnavailable(), RuntimeError("a fault of ours")])
async def test_who_may_not_read_any_more_is_found_after_a_look_that_failed(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    monkeypatch.setattr(pulse, "PULSE_SECONDS", 0.02)
    monkeypatch.setattr(pulse, "LOOK_SECONDS", 0.02)
    looks = 0

    async def may_read(_owners: set[str]) -> set[str]:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise trouble
        return {"ann"}

    readers, ann, bob = Readers(may_read), Reader("ann"), Reader("bob")
    readers.enter(ann)
    readers.enter(bob)
    readers.start()
    async with soon():
        await bob.sleep()
    readers.stop()

    assert looks == 3
    assert bob.gone
