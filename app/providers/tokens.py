"""Counting tokens without a network: tiktoken on files that were put there beforehand, else a stated stand-in."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Literal

import tiktoken

CountedBy = Literal["tiktoken", "estimate"]
STAND_IN = "o200k_base"
ROUGH = "utf8/4"
# What a chat adds to the texts in it: the marks around each message with its role, and those that open the reply.
MESSAGE_OVERHEAD = 4
REPLY_OVERHEAD = 3
# The slowest text takes less than a microsecond a character, so this many hold the event loop a few milliseconds.
CHARS_AT_ONCE_MAX = 8_000
# A text beyond this is counted in pieces: tiktoken falls over on a million spaces, and holds all threads up while it
# hands a long result over. No token reaches over such a seam, so that the sum is right.
CHARS_A_PIECE, SEAM = 100_000, re.compile(r"(?<=[a-zA-Z]) (?=[a-zA-Z])")
CHARS_SEARCHED_FOR_A_SEAM = 2_000
THREADS = 2


@dataclass(frozen=True, slots=True)
class RankFile:
    """The name is the one under which tiktoken looks for it."""

    name: str
    sha256: str


RANKS = {
    "o200k_base": RankFile(
        "fb374d419588a4632f3f557e76b4b70aebbca790", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
    ),
    "cl100k_base": RankFile(
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
    ),
}


class Tokenizer:
    """`encoding` is what really counts here; `counted_by` says whether that is the model's own."""

    def __init__(self, encoding: str, counted_by: CountedBy, threads: ThreadPoolExecutor, measure: Measure) -> None:
        self.encoding, self.counted_by = encoding, counted_by
        self._threads, self._measure = threads, measure

    def count(self, text: str) -> int:
        """Text that looks like a special token is text. For what may be long, `count_soon`."""
        return sum(map(self._measure, pieces(text)))

    async def count_soon(self, text: str) -> int:
        """Leaves the event loop to others while it counts a long text."""
        if len(text) <= CHARS_AT_ONCE_MAX:
            return self.count(text)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.count, text)


Measure = Callable[[str], int]


def pieces(text: str) -> Iterator[str]:
    """Where there is no seam, a long text is cut anywhere, and a token across the cut counts as two."""
    start = 0
    while len(text) - start > CHARS_A_PIECE:
        end = start + CHARS_A_PIECE
        seams = SEAM.finditer(text, end - CHARS_SEARCHED_FOR_A_SEAM, end)
        end = max((seam.start() for seam in seams), default=end)
        yield text[start:end]
        start = end
    yield text[start:]


class Tokenizers:
    """Those of one folder, each loaded once. Nothing here goes to the network or changes a file."""

    def __init__(self, assets: str | Path) -> None:
        self.folder = Path(assets) / "tiktoken"
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tokens")
        self._loaded: dict[str, Tokenizer] = {}

    def of(self, encoding: str) -> Tokenizer:
        if encoding not in self._loaded:
            self._loaded[encoding] = self._load(encoding)
        return self._loaded[encoding]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _load(self, encoding: str) -> Tokenizer:
        for name in dict.fromkeys([encoding, STAND_IN]):
            found = load(self.folder, name)
            if found is not None:
                counted_by: CountedBy = "tiktoken" if name == encoding else "estimate"
                return Tokenizer(name, counted_by, self._threads, _by_ranks(found))
        return Tokenizer(ROUGH, "estimate", self._threads, _roughly)


def is_there(folder: Path, encoding: str) -> bool:
    """Looked at before tiktoken is asked, which throws a wrong file away and goes to fetch another."""
    file = RANKS.get(encoding)
    if file is None:
        return False
    try:
        state = (folder / file.name).stat()
    except OSError:
        return False
    return _sha256(folder / file.name, state.st_size, state.st_mtime_ns) == file.sha256


def load(folder: Path, encoding: str) -> tiktoken.Encoding | None:
    if not is_there(folder, encoding):
        return None
    with LOADING:
        before = os.environ.get("TIKTOKEN_CACHE_DIR")
        os.environ["TIKTOKEN_CACHE_DIR"] = str(folder.resolve())
        try:
            return tiktoken.get_encoding(encoding)
        finally:
            os.environ.pop("TIKTOKEN_CACHE_DIR")
            if before is not None:
                os.environ["TIKTOKEN_CACHE_DIR"] = before


# tiktoken takes its folder from the environment, which is one for all threads.
LOADING = Lock()


@lru_cache(maxsize=16)
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    """Read again when the file has changed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _by_ranks(encoding: tiktoken.Encoding) -> Measure:
    return lambda text: len(encoding.encode_ordinary(text))


def _roughly(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 4)
