"""The house keeps its own rules, and whoever breaks one is told where."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import check_floors, check_sizes

HOUSE = Path(__file__).parents[1]


def test_every_import_goes_downstairs() -> None:
    assert list(check_floors.faults_in(HOUSE)) == []


def test_every_file_and_function_is_small() -> None:
    assert list(check_sizes.faults(check_sizes.read(HOUSE))) == []


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("app.db", "from app.accounts.tables import User", "db must not import accounts, which is on a floor above."),
        ("app.db", "import app.main", "db must not import main, which is on a floor above."),
        ("app.errors", "from app import edge", "errors must not import edge, which is on a floor above."),
        ("app.edge.sse", "from app.services import Services", "edge must not import services, which is on a floor abo"),
        ("app.accounts.tokens", "from app.ledger import ledger", "accounts must not import ledger, its neighbour on"),
        ("app.migrations", "from app.db import Database", "migrations must not import db, its neighbour on the same"),
        ("app.observability.logs", "import app.mail as post", "observability must not import mail, which is on a"),
        ("app.accounts.accounts", "from app.accounts import routes", "accounts must not import routes, which is on"),
        ("app.chat.routes", "from app.accounts.routes import UserOut", "routes must not import routes, its neighbour"),
        ("app.health", "from app.pages import routes", "health must not import pages, its neighbour"),
        ("app.main", "from app import __main__", "main must not import __main__, which is on a floor above."),
        ("app.cellar.wine", "", "the room `cellar` is on no floor"),
        ("app.chat.turns", "from app.cellar import wine", "the room `cellar` is on no floor"),
        ("app.chat.turns", "from . import events", "relative imports are not used here"),
        ("app.chat.turns", "from ..ledger import ledger", "relative imports are not used here"),
        ("app.chat.turns", "def ask():\n    import json", "imports belong at the top of the module."),
        ("app.chat.turns", "async def ask():\n    if 1:\n        from app.db import Row", "imports belong at the top"),
        ("app.chat.turns", "if TYPE_CHECKING:\n    from app.main import build", "chat must not import main"),
        ("app.chat.turns", "import app", "import a module of the house, not the house."),
    ],
)
def test_a_wrong_import_is_named_with_its_reason(module: str, source: str, fault: str) -> None:
    found = [sentence for _, sentence in check_floors.faults(module, source)]

    assert any(sentence.startswith(fault) for sentence in found), found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app.chat.turns", "import json\nfrom app.ledger import ledger\nfrom app.chat import events"),
        ("app.chat.routes", "from app.services import Services\nfrom app.accounts import accounts"),
        ("app.accounts.routes", "from app.accounts.routes import register"),
        ("app.db", "from app.engines.session import Session\nimport app.settings"),
        ("app.mail", "from app.observability import logs"),
        ("app.main", "from app.accounts import routes as accounts\nfrom app import health, pages"),
        ("app.__main__", "from app import doctor, main"),
        ("app.errors", "import apple\nfrom application import x"),
    ],
)
def test_a_right_import_is_left_alone(module: str, source: str) -> None:
    assert list(check_floors.faults(module, source)) == []


def test_a_wrong_import_is_found_on_the_disk_with_its_line(tmp_path: Path) -> None:
    room = tmp_path / "app" / "edge"
    room.mkdir(parents=True)
    (tmp_path / "app" / "__init__.py").write_text("")
    (room / "__init__.py").write_text('"""A room."""\n\nfrom app.main import build\n')

    found = list(check_floors.faults_in(tmp_path))

    assert found == ["app/edge/__init__.py:3: edge must not import main, which is on a floor above."]


def test_each_line_that_is_wrong_is_named_once() -> None:
    source = "from app.db import Row\nfrom app.chat import turns\n\n\ndef f():\n    def g():\n        import json\n"

    assert [line for line, _ in check_floors.faults("app.ledger.ledger", source)] == [7, 2]


def lines(count: int, *, indent: int = 0) -> str:
    return "\n".join(f"{' ' * indent}a{number} = {number}" for number in range(count))


def function(count: int) -> str:
    return "def long():\n" + "    pass\n" * (count - 1)


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("tests/test_it.py", lines(301), "tests/test_it.py:1: 301 lines; a file has at most 300."),
        ("web/js/all.js", lines(301), "web/js/all.js:1: 301 lines"),
        ("web/css/all.css", lines(301), "web/css/all.css:1: 301 lines"),
        ("scripts/do.py", function(51), "scripts/do.py:1: `long` has 51 lines; a function has at most 50."),
        ("tests/t.py", f"class A:\n  async def m():\n{lines(50, indent=4)}", "tests/t.py:2: `m` has 51 lines"),
        ("app/chat/service.py", "", "app/chat/service.py:1: `service.py` says nothing"),
        ("app/utils.py", "", "app/utils.py:1: `utils.py` says nothing"),
        ("app/chat/turns.py", lines(91), "app: the median file has 91 lines; keep it to 90."),
        ("app/chat/turns.py", function(9), "app: the median function has 9 lines; keep it to 8."),
    ],
)
def test_what_is_too_long_or_vaguely_named_is_pointed_at(path: str, source: str, fault: str) -> None:
    found = list(check_sizes.faults({path: source}))

    assert len(found) == 1, found
    assert found[0].startswith(fault)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tests/test_it.py", lines(300)),
        ("scripts/do.py", function(50)),
        ("app/chat/turns.py", f"{lines(82)}\n{function(8)}"),
        ("tests/helpers.py", ""),
        ("web/js/all.js", f"// {'x' * 500}"),
    ],
)
def test_what_just_fits_is_left_alone(path: str, source: str) -> None:
    assert list(check_sizes.faults({path: source})) == []


def test_installed_scripts_are_not_ours_to_measure(tmp_path: Path) -> None:
    for folder in ("web/vendor", "web/node_modules/it", "web/js"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "all.js").write_text("\n")

    assert list(check_sizes.read(tmp_path)) == ["web/js/all.js"]
