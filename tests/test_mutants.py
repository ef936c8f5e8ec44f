"""The list of faults that the tests must notice fits the code; `make mutants` then tries each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.mutants.__main__ import FAULTS
from scripts.mutants.fault import Fault
from scripts.mutants.tree import HOUSE, LAST, LEFT_OUT, QUICK, first_failure, in_order, stale


def test_each_fault_fits_the_code_in_one_place_only() -> None:
    assert list(stale(FAULTS)) == []


def test_there_are_many_faults_and_each_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert len(FAULTS) >= 30


def test_each_fault_changes_python_into_other_python() -> None:
    for fault in FAULTS:
        right = (HOUSE / fault.file).read_text()
        wrong = right.replace(fault.text, fault.wrong)

        assert wrong != right, fault.name
        compile(wrong, fault.name, "exec")


@pytest.mark.parametrize(("source", "times"), [("a = 1\n", 0), ("b = 1\nb = 1\n", 2)])
def test_a_fault_that_fits_nowhere_or_twice_is_named(tmp_path: Path, source: str, times: int) -> None:
    (tmp_path / "code.py").write_text(source)

    assert list(stale([Fault("it", "code.py", "b = 1", "b = 2")], tmp_path)) == [
        f"it: its text is {times} times in code.py."
    ]


def test_who_noticed_is_read_from_what_the_tests_said() -> None:
    said = "F\n=== short test summary info ===\nFAILED tests/test_it.py::test_one - assert 1 == 2\n1 failed\n"

    assert first_failure(said) == "FAILED tests/test_it.py::test_one"
    assert first_failure("..\n2 passed in 1 s\n") == "2 passed in 1 s"


def test_the_slowest_tests_come_last_and_those_that_take_long_not_at_all() -> None:
    found = in_order(QUICK, HOUSE)

    assert found[-1] == LAST
    assert all((HOUSE / path).exists() for path in (*found, *LEFT_OUT))
    assert not set(found) & set(LEFT_OUT)
