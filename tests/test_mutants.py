"""The list of faults fits the code, and its runner tells a test that failed from everything else that can go wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil
import pytest

from scripts.mutants.__main__ import FAULTS, told
from scripts.mutants.fault import Fault
from scripts.mutants.run import Lines, Outcome, Verdict, allowed, judge, run
from scripts.mutants.tree import HOUSE, LAST, LEFT_OUT, QUICK, Tree, in_order, stale

WRONG = Fault("it", "app/code.py", "b = 1", "b = 2")
TEST = "from app.code import b\n\n\ndef test_it() -> None:\n    assert b == 1\n"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A tree of one line and one test."""
    house = tmp_path / "house"
    for folder in ("app", "tests"):
        (house / folder).mkdir(parents=True)
        (house / folder / "__init__.py").touch()
    shutil.copytree(HOUSE / "scripts" / "mutants", house / "scripts" / "mutants")
    (house / "app" / "code.py").write_text("b = 1\n")
    (house / "tests" / "test_it.py").write_text(TEST)
    (house / "tests" / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--database')\n", encoding="utf-8"
    )
    return house


def judged(house: Path, wrong: str, *, text: str = "b = 1") -> Outcome:
    tree = Tree(house.parent / "copy", house)
    return tree.judge(Fault("it", "app/code.py", text, wrong), ["tests"], {"tests/test_it.py::test_it": 0.1})


def test_each_fault_fits_the_code_in_one_place_only() -> None:
    assert list(stale(FAULTS)) == []


def test_there_are_many_faults_and_each_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert len(FAULTS) >= 150
    assert {fault.database for fault in FAULTS} == {"sqlite", "postgres"}


def test_each_fault_changes_python_into_other_python() -> None:
    for fault in FAULTS:
        right = (HOUSE / fault.file).read_text()
        wrong = right.replace(fault.text, fault.wrong)

        assert wrong != right, fault.name
        compile(wrong, fault.name, "exec")


@pytest.mark.parametrize(("source", "times"), [("a = 1\n", 0), ("b = 1\nb = 1\n", 2)])
def test_a_fault_that_fits_nowhere_or_twice_is_named(house: Path, source: str, times: int) -> None:
    (house / "app" / "code.py").write_text(source)

    assert list(stale([WRONG], house)) == [f"it: its text is {times} times in app/code.py."]


@pytest.mark.either_engine
@pytest.mark.parametrize(
    ("wrong", "verdict", "by"),
    [
        ("b = 2", "noticed", "tests/test_it.py::test_it"),
        ("b = 1.0", "passed", "1 tests"),
        ("raise ImportError", "unfit", "tests/test_it.py failed at import"),
        ("import os; os._exit(1)", "unfit", "The tests ended with 1, and none of them failed."),
    ],
)
def test_a_fault_is_noticed_only_by_a_test_that_fails(house: Path, wrong: str, verdict: Verdict, by: str) -> None:
    outcome = judged(house, wrong)

    assert (outcome.verdict, outcome.by.partition("\n")[0][: len(by)]) == (verdict, by)


@pytest.mark.either_engine
def test_what_fails_while_it_is_set_up_is_no_test_and_hides_none(house: Path) -> None:
    setting_up = "import pytest\n\n\n@pytest.fixture\ndef it():\n    assert b == 1\n\n\ndef test_a(it):\n    pass\n"
    (house / "tests" / "test_it.py").write_text(f"from app.code import b\n{setting_up}")
    alone = judged(house, "b = 2")
    shutil.rmtree(house.parent / "copy")
    (house / "tests" / "test_it.py").write_text(f"{TEST.replace('test_it', 'test_z')}\n\n{setting_up}")
    beside_another = judged(house, "b = 2")

    assert (alone.verdict, alone.by.partition(":")[0]) == ("unfit", "tests/test_it.py")
    assert (beside_another.verdict, beside_another.by) == ("noticed", "tests/test_it.py::test_z")


@pytest.mark.either_engine
def test_the_copy_is_mended_afterwards_and_the_house_never_touched(house: Path) -> None:
    tree = Tree(house.parent / "copy", house)

    outcomes = [tree.judge(WRONG, ["tests"], {}), tree.run(["tests"], "sqlite", {})]

    assert [outcome.verdict for outcome in outcomes] == ["noticed", "passed"]
    assert (house / "app" / "code.py").read_text() == (tree.folder / "app" / "code.py").read_text() == "b = 1\n"


ENDLESS = """
import subprocess, sys, time

CHILD = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"])


def test_it():
    open(PID, "w").write(str(CHILD.pid))
    time.sleep(99)
"""


@pytest.mark.either_engine
def test_whoever_never_ends_is_ended_with_all_that_it_started(house: Path, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    (house / "tests" / "test_it.py").write_text(f"PID = {str(pid)!r}{ENDLESS}")

    outcome = run(Tree(tmp_path / "copy", house).folder, ["tests"], {"tests/test_it.py::test_it": 0.1}, longer=0.5)

    assert (outcome.verdict, outcome.by) == ("hung", "tests/test_it.py::test_it")
    assert pid.exists()
    assert not is_running(int(pid.read_text()))


def is_running(pid: int) -> bool:
    """Somebody who was ended and whom nobody has buried yet does not run."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_fault_that_is_no_sql_says_nothing_about_the_tests() -> None:
    no_sql: Lines = [["failed", "a", "call", ["LookupError: x", 'OperationalError: near "FROM": syntax error']]]
    lost_table: Lines = [["failed", "a", "call", ["OperationalError: no such table: things"]]]

    assert judge(no_sql, 1)[0] == "unfit"
    assert judge(lost_table, 1)[0] == "noticed"


def test_a_run_that_ended_before_any_test_has_not_passed() -> None:
    assert judge([["over", 0]], 0)[0] == "unfit"
    assert judge([], None)[0] == "unfit"
    assert judge([["began", "a"], ["took", "a", 0.1]], 0)[0] == "unfit"
    assert judge([["began", "a"], ["took", "a", 0.1], ["over", 0]], 0)[0] == "passed"


def test_a_slow_test_may_take_longer_than_a_quick_one() -> None:
    usual = {"slow": 20.0, "quick": 0.1}

    slow, quick, unknown = (allowed([["began", name]], usual, 30) for name in ("slow", "quick", "new"))

    assert slow == unknown > 6 * 20
    assert quick < slow / 3


@pytest.mark.parametrize(
    ("verdicts", "code"), [(["noticed", "hung"], 0), (["noticed", "passed"], 1), (["passed", "unfit"], 2)]
)
def test_it_ends_well_only_when_every_fault_was_noticed(
    verdicts: list[Verdict], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = told([(WRONG, Outcome(verdict, "a test", 1.0, {})) for verdict in verdicts])

    said = capsys.readouterr().out
    assert ended == code
    assert said.count("NOT NOTICED: it") == verdicts.count("passed")
    assert said.count("CANNOT BE JUDGED: it") == verdicts.count("unfit")


def test_the_quickest_come_first_the_model_last_and_those_that_take_long_not_at_all() -> None:
    sharp = "tests/metering/test_quote.py"
    usual = {f"{path}::test": 0.0 if path == sharp else 1.0 for path in in_order(QUICK, HOUSE, {})}

    found = in_order(QUICK, HOUSE, {**usual, f"{LAST}::test": 0.0})

    assert (found[0], found[-1]) == (sharp, LAST)
    assert all((HOUSE / path).exists() for path in (*found, *LEFT_OUT))
    assert not set(found) & set(LEFT_OUT)
