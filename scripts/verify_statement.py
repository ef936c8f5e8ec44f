"""Checks a token statement offline, with nothing but Python 3.11 and this one file.

A statement is what `GET /api/billing/ledger` answers, saved to a file: as CSV (`?format=csv`) or as JSON (for a long
one each page in a file, in order). These are checked, and the first entry that is wrong is named:

  - Sequence numbers go up by one. None is missing, none comes twice.
  - Each balance is the balance before it plus the tokens of the entry, and opening + all tokens = closing.
  - Each hash is the SHA-256 of nine lines of UTF-8 with a line feed between them: the words prome-ledger-1, the hash
    of the entry before, the user's id, the sequence, the kind, the tokens, the balance after, the reference, and the
    time in UTC with six digits of a second (2026-01-31T12:00:00.000000Z).

The first entry of an account follows 64 zeros. A JSON statement says which hash it follows; for a CSV that begins
later, give that hash with --hash-before. Nobody can see from a CSV alone that its last lines were cut off: if you have
noted the hash of your newest entry (each receipt shows one), give it with --last-hash.

Ends with 0 if all is right and with 1 if anything is not.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

VERSION = "prome-ledger-1"
BEGINNING = "0" * 64
WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
COLUMNS = ("userId", "sequence", "kind", "tokens", "balanceAfter", "reference", "createdAt", "hash")
SINGLE = ("userId", "opening", "closing", "hashBefore")


class Wrong(Exception):
    """Says in one sentence what is not as it should be."""


class Entry(NamedTuple):
    user_id: str
    sequence: int
    kind: str
    tokens: int
    balance_after: int
    reference: str
    created_at: str
    hash: str


class Statement(NamedTuple):
    """What a CSV does not say is None."""

    entries: list[Entry]
    opening: int | None = None
    closing: int | None = None
    hash_before: str | None = None


def read(paths: Sequence[Path]) -> Statement:
    texts = [path.read_text(encoding="utf-8") for path in paths]
    if texts[0].lstrip().startswith("{"):
        return from_json([json.loads(text) for text in texts])
    if len(texts) > 1:
        raise Wrong("A CSV statement is one file.")
    return from_csv(texts[0])


def from_csv(text: str) -> Statement:
    rows = csv.DictReader(text.splitlines(keepends=True), strict=True)
    if not set(COLUMNS) <= set(rows.fieldnames or ()):
        raise Wrong(f"The first line of a CSV statement names its columns: {','.join(COLUMNS)}")
    return Statement(list(entries(rows)))


def from_json(pages: Sequence[Any]) -> Statement:
    first = pages[0]
    if any(page[name] != first[name] for page in pages for name in SINGLE):
        raise Wrong("These pages are not of one statement.")
    if pages[-1].get("nextCursor") is not None:
        raise Wrong("The statement has more pages: name the files of all of them, in order.")
    rows = ({"userId": first["userId"], **entry} for page in pages for entry in page["entries"])
    opening, closing = whole(first["opening"]), whole(first["closing"])
    return Statement(list(entries(rows)), opening, closing, str(first["hashBefore"]))


def entries(rows: Iterable[dict[str, Any]]) -> Iterator[Entry]:
    for number, row in enumerate(rows, 1):
        try:
            yield Entry(
                str(row["userId"]),
                whole(row["sequence"]),
                str(row["kind"]),
                whole(row["tokens"]),
                whole(row["balanceAfter"]),
                str(row["reference"]),
                moment(row["createdAt"]),
                str(row["hash"]),
            )
        except KeyError as missing:
            raise Wrong(f"Entry {number} has no {missing}.") from None
        except ValueError as error:
            raise Wrong(f"Entry {number}: {error}") from None


def whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise ValueError(f"{value!r} is not a whole number.")


def moment(value: object) -> str:
    """Any spelling of one moment becomes the one that is hashed."""
    if not isinstance(value, str) or not MOMENT.fullmatch(value):
        raise ValueError(f"{value!r} is not a time in UTC.")
    return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def check(statement: Statement, *, hash_before: str | None = None, last_hash: str | None = None) -> str:
    """Answers with a sentence if all is right, and raises `Wrong` at the first entry that is not."""
    found = statement.entries
    before = statement.hash_before or hash_before
    if statement.hash_before and hash_before and statement.hash_before != hash_before:
        raise Wrong(f"The statement says that it follows {statement.hash_before} and not what you gave.")
    if not found:
        return nothing_moved(statement, before, last_hash)
    opening = found[0].balance_after - found[0].tokens if statement.opening is None else statement.opening
    if before is None and found[0].sequence != 1:
        raise Wrong(f"It begins with sequence {found[0].sequence}: give the hash before that with --hash-before.")
    before = BEGINNING if before is None else before
    if (found[0].sequence == 1) != (before == BEGINNING) or (found[0].sequence == 1 and opening != 0):
        raise Wrong(f"{name(1, found[0])} is not what an account begins with.")
    closing = follow(found, opening, before)
    if statement.closing is not None and statement.closing != closing:
        raise Wrong(f"The closing balance is said to be {statement.closing} and the entries come to {closing}.")
    if last_hash is not None and found[-1].hash != last_hash:
        raise Wrong(f"{name(len(found), found[-1])} is the last one, and its hash is not the one you gave.")
    return (
        f"All is right: {len(found)} entries of {found[0].user_id}, sequence {found[0].sequence} to "
        f"{found[-1].sequence}, opening {opening}, closing {closing}, last hash {found[-1].hash}."
    )


def nothing_moved(statement: Statement, before: str | None, last_hash: str | None) -> str:
    if statement.opening != statement.closing or (last_hash is not None and last_hash != before):
        raise Wrong("There are no entries, but something is said to have changed.")
    return "All is right: there are no entries, and nothing changed."


def follow(found: Sequence[Entry], opening: int, before: str) -> int:
    balance, first = opening, found[0]
    for number, entry in enumerate(found, 1):
        balance += entry.tokens
        expected = first.sequence + number - 1
        if entry.user_id != first.user_id:
            raise Wrong(f"{name(number, entry)} is of {entry.user_id} and not of {first.user_id}.")
        if entry.sequence != expected:
            raise Wrong(f"{name(number, entry)} should have sequence {expected}: one is missing, moved or doubled.")
        if entry.balance_after != balance:
            raise Wrong(f"{name(number, entry)} says a balance of {entry.balance_after}; it comes to {balance}.")
        if entry.hash != hash_of(before, entry):
            raise Wrong(f"{name(number, entry)} does not carry the hash of what it says after the entry before it.")
        before = entry.hash
    return balance


def hash_of(before: str, entry: Entry) -> str:
    return hashlib.sha256("\n".join(map(str, (VERSION, before, *entry[:-1]))).encode()).hexdigest()


def name(number: int, entry: Entry) -> str:
    return f"Entry {number} of the file (sequence {entry.sequence})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a CSV, or the JSON pages in their order")
    parser.add_argument("--hash-before", metavar="HASH", help="the hash of the entry before the first one in a CSV")
    parser.add_argument("--last-hash", metavar="HASH", help="the hash that the last entry is known to have")
    given = parser.parse_args()
    try:
        sentence = check(read(given.files), hash_before=given.hash_before, last_hash=given.last_hash)
    except Wrong as wrong:
        sys.stdout.write(f"WRONG: {wrong}\n")
        return 1
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        sys.stdout.write(f"WRONG: this cannot be read as a statement: {error!r}\n")
        return 1
    sys.stdout.write(f"{sentence}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
