"""The libraries of the web client: named by hash and by no address, brought once, and licensed."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from scripts.build_web import FILES, build, make_small, needed, small_script, tokens

WEB = Path(__file__).parents[2] / "web"
LOCK = json.loads((WEB / "package-lock.json").read_text())


def test_every_library_is_locked_by_its_hash_and_by_no_address() -> None:
    packages = {name: package for name, package in LOCK["packages"].items() if name}

    assert len(packages) >= 5
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
    assert "://" not in (WEB / "package-lock.json").read_text()


def test_a_second_install_brings_nothing(tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_bytes((WEB / name).read_bytes())
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "stamp").write_bytes((WEB / "vendor" / "stamp").read_bytes())

    assert not build(tmp_path)


def test_another_lock_brings_them_anew(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_bytes((WEB / "package-lock.json").read_bytes() + b" ")
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "stamp").write_bytes((WEB / "vendor" / "stamp").read_bytes())

    assert needed(tmp_path)


def test_what_a_page_loads_is_there_and_is_what_its_small_form_says() -> None:
    for name in FILES:
        assert (WEB / "vendor" / name).stat().st_size > 0
    for small in [*(WEB / "vendor").glob("*.gz"), *(WEB / "vendor" / "highlight").glob("*.gz")]:
        assert gzip.decompress(small.read_bytes()) == small.with_suffix("").read_bytes()


def test_the_licence_of_every_library_travels_with_it() -> None:
    licences = (WEB / "vendor" / "LICENSES.txt").read_text(encoding="utf-8")
    direct = LOCK["packages"][""]["dependencies"]

    assert [name for name in direct if f"{name}/LICENSE" not in licences] == []


def test_our_own_files_are_sent_without_what_is_only_for_their_readers(tmp_path: Path) -> None:
    script = b'/** What it is.\n * And why.\n */\nconst at = "https://a//"; // here\n\n  // Why so.\n  go(a / b,\n);\n'
    (tmp_path / "js").mkdir()
    (tmp_path / "vendor").mkdir()
    (tmp_path / "js" / "go.js").write_bytes(script)

    make_small(tmp_path)
    made = tmp_path / "vendor" / "small" / f"{sha256(script).hexdigest()}.gz"
    small = gzip.decompress(made.read_bytes())
    (tmp_path / "js" / "go.js").write_bytes(b"go();\n")
    make_small(tmp_path)

    assert small == b'const at="https://a//";go(a / b,);'
    assert not made.exists()


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("a = b + +c - -d;", "a=b+ +c- -d;"),
        ("return /[/'\"]\\/ \\/\\//g.test(a) /* so */ / 2", "return /[/'\"]\\/ \\/\\//g.test(a) / 2"),
        ("`a  // b ${ c({ d: `}` }) }  `  + 1", "`a  // b ${ c({ d: `}` }) }  `+1"),
        ('" // \\" /* "  + \' "  \'', '" // \\" /* "+\' "  \''),
        ("go()\n(later)", "go()\n(later)"),
        ("a =\n  b\n    ?.c\n    ? d :\n    e\n++f", "a=b?.c?d:e\n++f"),
        ("class A {\n  #of = 1;\n\n  // Why.\n  get of() {}\n  async go() {}\n}", None),
        ("if (a in b) typeof c\nelse d", "if(a in b)typeof c\nelse d"),
    ],
)
def test_nothing_that_means_something_goes_missing(written: str, sent: str | None) -> None:
    made = small_script(written)

    assert made == (sent or "class A{#of=1;get of(){}\nasync go(){}}")


def test_what_is_written_is_what_runs(tmp_path: Path) -> None:
    """Every module has the same tokens when it is small, and is one that can be parsed."""
    scripts = sorted((WEB / "js").rglob("*.js"))
    libraries = [WEB / "vendor" / name for name in FILES if name.endswith(".js")]
    for script in [*scripts, *libraries]:
        written = script.read_text(encoding="utf-8")
        made = small_script(written)
        assert [token for _, token in tokens(made)] == [token for _, token in tokens(written)], script
        (tmp_path / f"{script.relative_to(WEB)}".replace("/", "-")).with_suffix(".mjs").write_text(made)

    # One process for all of them: a module that cannot be parsed fails before anything runs.
    parse = "for (const file of process.argv.slice(1)) new (require('vm').SourceTextModule)(read(file))"
    code = f"const read = (file) => require('fs').readFileSync(file, 'utf8'); {parse}"
    files = sorted(map(str, tmp_path.iterdir()))
    assert len(files) == len(scripts) + len(libraries) > 90
    node = ["node", "--experimental-vm-modules", "--no-warnings", "-e", code, *files]
    if shutil.which("node"):
        subprocess.run(node, check=True, timeout=60)


def test_the_style_sheets_of_a_page_have_one_small_form(tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    (tmp_path / "vendor").mkdir()
    for name in ("a", "b"):
        (tmp_path / "css" / f"{name}.css").write_text(f"{name} {{\n  margin: 0;\n}}\n")
    page = "".join(f'  <link rel="stylesheet" href="/assets/css/{name}.css">\n' for name in ("b", "a"))
    (tmp_path / "index.html").write_text(page)

    make_small(tmp_path)

    whole = sha256(b"b {\n  margin: 0;\n}\na {\n  margin: 0;\n}\n").hexdigest()
    made = tmp_path / "vendor" / "small" / f"{whole}.gz"
    assert gzip.decompress(made.read_bytes()) == b"b{margin:0}a{margin:0}"


@pytest.mark.parametrize("name", ["chat", "billing", "index", "usage", "account"])
def test_a_page_of_many_modules_names_every_one_that_it_will_want_at_once(name: str) -> None:
    """So that the browser asks for all of them together, and not for each when it has read the one before."""
    page = (WEB / f"{name}.html").read_text(encoding="utf-8")
    named = {WEB / path for path in re.findall(r'<link rel="modulepreload" href="/assets/([^"]+)"[^>]*>', page)}

    wanted = imported_by(WEB / "js" / "pages" / f"{name}.js") - {WEB / "js" / "kept.js"}

    assert named == wanted


def imported_by(module: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        here = waiting.pop()
        source = here.read_text(encoding="utf-8")
        names = re.findall(r'^(?:import|export)\s(?:[^;"]*?from\s+)?"([^"]+)"', source, re.MULTILINE)
        new = {(here.parent / name).resolve() for name in names} - found
        found |= new
        waiting += new
    return found
