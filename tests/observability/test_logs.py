"""One form for all lines, whoever writes them, and none of them in the way of what it tells about."""

from __future__ import annotations

import logging
from io import StringIO

from app.observability import logs
from app.settings import Settings
from tests.conftest import settings_for
from tests.observability.lines import logged


class Full(StringIO):
    def write(self, _words: str) -> int:
        raise OSError(28, "No space left on device")


def settings(level: str = "INFO") -> Settings:
    return settings_for("sqlite:///x.db").model_copy(update={"environment": "production", "log_level": level})


def test_our_lines_and_those_of_libraries_have_one_form() -> None:
    with logged(settings()) as lines:
        logs.get("prome.test").warning("ours", number=1, exc_info=ValueError("why"))
        logging.getLogger("uvicorn.error").warning("theirs %s", "too")

    ours, theirs = lines.all()
    assert set(theirs) == {"event", "level", "logger", "timestamp"}
    assert set(ours) == {*theirs, "number", "exception"}
    assert (ours["logger"], ours["level"], ours["event"], ours["number"]) == ("prome.test", "warning", "ours", 1)
    assert (theirs["logger"], theirs["level"], theirs["event"]) == ("uvicorn.error", "warning", "theirs too")
    assert "ValueError: why" in str(ours["exception"])


def test_what_is_below_the_level_is_not_written() -> None:
    with logged(settings("WARNING")) as lines:
        logs.get("prome.test").info("ours")
        logging.getLogger("uvicorn.error").info("theirs")
        logs.get("prome.test").error("loud")

    assert [line["event"] for line in lines.all()] == ["loud"]


def test_a_line_that_cannot_be_written_stops_nobody() -> None:
    with logged(settings(), Full()) as lines:
        log = logs.get("prome.test")
        for say in (log.debug, log.info, log.warning, log.error, log.critical):
            say("lost")
        lines.stream.close()
        log.error("lost")

    assert lines.stream.closed
