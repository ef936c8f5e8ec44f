"""What runs inside the tests as a plugin: it stops them at the first that fails, and writes each step down as JSON.

What fails while something is being set up stops nothing: that is no test, and may be the fault's own clumsiness.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

REPORT = "MUTANTS_REPORT"
CAUSES_MAX = 4


class Witness:
    def __init__(self, report: Path) -> None:
        self._report = report
        self._began = 0.0

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._say("failed", report.nodeid, "import", [])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._began = time.monotonic()
        self._say("began", nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed and call.excinfo is not None:
            self._say("failed", item.nodeid, report.when, causes(call.excinfo.value))
            if report.when != "setup":
                item.session.shouldfail = "This fault was noticed."
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._say("took", nodeid, time.monotonic() - self._began)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._say("over", int(exitstatus))

    def _say(self, *words: object) -> None:
        with self._report.open("a", encoding="utf-8") as report:
            report.write(json.dumps(words) + "\n")


def causes(error: BaseException | None) -> list[str]:
    """What was raised, and what that was raised from; an error may be raised from itself."""
    found: list[str] = []
    while error is not None and len(found) < CAUSES_MAX:
        found.append(f"{type(error).__name__}: {error}"[:200])
        error = error.__cause__
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Whoever found a fault need not look for the shortest way to show it, which takes minutes."""
    config.pluginmanager.register(Witness(Path(os.environ[REPORT])))
    settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate))
    settings.load_profile("mutants")
