"""What can be wrong with an upstream. Each fault is one short story; the words before it are always `SAID`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from scripts.upstream import faults_in_answers, faults_in_streams, faults_in_texts
from scripts.upstream.call import Call

Fault = Callable[[Call], Awaitable[None]]

# The server itself does not listen; there is no call that could tell the story.
REFUSE = "refuse"


def _stories(*modules: object) -> dict[str, Fault]:
    """`fault_cut` tells of the fault `cut`."""
    return {
        name.removeprefix("fault_"): story
        for module in modules
        for name, story in vars(module).items()
        if name.startswith("fault_")
    }


FAULTS: dict[str, Fault] = _stories(faults_in_answers, faults_in_streams, faults_in_texts)


def described() -> list[tuple[str, str]]:
    told = [(name, (story.__doc__ or "").strip()) for name, story in FAULTS.items()]
    return sorted([*told, (REFUSE, "Nothing listens on the port.")])
