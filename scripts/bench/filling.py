"""A SQLite database that has been in use for years, made in a minute: no verb of the house is that quick.

Triggers that guard history are set aside for the filling and put back; entries are chained and hashed as the ledger
does it, and its own audit then says whether the books are right.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from app.conversations import terms
from app.engines.sqlite_session import connect, to_text
from app.ledger.chain import BEGINNING, Link, entry_hash

MESSAGES_A_CONVERSATION, WORDS, WORDS_A_MESSAGE = 20, 5000, 12
GRANT = 10**9
STEP = timedelta(seconds=30)
# The holds of the last days are looked through every few seconds, so a million of them must not be of those days.
YEARS = timedelta(days=3600)
TRIGGERS = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name LIKE 'ledger_%'"
USER = """
INSERT INTO users (id, email, name, password_hash, role, sessions_not_before, created_at, updated_at)
VALUES (?, ?, '', '-', 'user', ?3, ?3, ?3)
"""
ACCOUNT = "INSERT INTO ledger_accounts (user_id, balance, held, owed, sequence, last_hash) VALUES (?, ?, 0, 0, ?, ?)"
ENTRY = """
INSERT INTO ledger_entries (id, user_id, sequence, kind, tokens, balance_after, reference, created_at, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
HOLD = """
INSERT INTO holds (id, user_id, tokens, prompt_tokens, max_tokens, input_rate, output_rate, model,
                   created_at, expires_at)
VALUES (?1, ?2, 1, 1, 0, 1000, 1000, 't1g0', ?3, ?3)
"""
RESOLUTION = """
INSERT INTO hold_resolutions (hold_id, user_id, outcome, prompt_tokens, completion_tokens, counted_by, charged, surplus,
                              balance_after, created_at, input_rate, output_rate)
VALUES (?, ?, 'settled', 1, 0, 'bench', 1, 0, ?, ?, 1000, 1000)
"""
CONVERSATION = """
INSERT INTO conversations (id, user_id, title, titled_by, current_message_id, created_at, updated_at)
VALUES (?1, ?2, 'Words', 'words', ?3, ?4, ?4)
"""
MESSAGE = """
INSERT INTO messages (id, conversation_id, parent_id, number, role, status, tokens, encoding, created_at, content)
VALUES (?, ?, ?, ?, ?, 'complete', 20, 'o200k_base', ?, ?)
"""
FOUND = "INSERT INTO search_entries (source_id, conversation_id, words) VALUES (?, ?, ?)"


class Filling:
    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw, self._random, self._now = raw, Random(1), datetime.now(UTC)

    def person(self, *, messages: int, entries: int) -> str:
        user_id = f"usr_{secrets.token_hex(13)}"
        self._raw.execute(USER, (user_id, f"{user_id}@example.com", to_text(self._now - timedelta(days=3650))))
        self._entries(user_id, entries)
        for number in range(0, messages, MESSAGES_A_CONVERSATION):
            self._conversation(
                user_id, self._now - STEP * (number + 1), min(MESSAGES_A_CONVERSATION, messages - number)
            )
        return user_id

    def _entries(self, user_id: str, number: int) -> None:
        """A welcome, and then tokens used one by one, each with its hold and how that ended."""
        balance, before, rows, holds = 0, BEGINNING, [], []
        for sequence in range(1, number + 1):
            kind, tokens = ("welcome", GRANT) if sequence == 1 else ("usage", -1)
            balance, at = balance + tokens, self._now - YEARS + YEARS / (number + 1) * sequence
            reference = f"hld_{user_id[4:16]}{sequence:014d}"
            link = Link(user_id, sequence, kind, tokens, balance, reference, at)
            before = entry_hash(before, link)
            rows.append((f"ent_{user_id[4:16]}{sequence:014d}", *link[:-1], to_text(at), before))
            if kind == "usage":
                holds.append((reference, user_id, to_text(at), balance))
        self._raw.execute(ACCOUNT, (user_id, balance, number, before))
        self._raw.executemany(ENTRY, rows)
        self._raw.executemany(HOLD, [hold[:3] for hold in holds])
        self._raw.executemany(RESOLUTION, [(hold, user, left, at) for hold, user, at, left in holds])

    def _conversation(self, user_id: str, at: datetime, messages: int) -> None:
        """Each word is one of thousands, so that a search finds a few messages among many."""
        identifier = f"cnv_{secrets.token_hex(13)}"
        ids = [f"msg_{secrets.token_hex(13)}" for _ in range(messages)]
        self._raw.execute(CONVERSATION, (identifier, user_id, ids[-1], to_text(at)))
        for place, message_id in enumerate(ids):
            text = " ".join(f"word{self._random.randrange(WORDS)}" for _ in range(WORDS_A_MESSAGE))
            role, parent = ("assistant", ids[place - 1]) if place % 2 else ("user", ids[place - 1] if place else None)
            self._raw.execute(MESSAGE, (message_id, identifier, parent, place + 1, role, to_text(at), text))
            self._raw.execute(FOUND, (message_id, identifier, f"_{user_id}{terms.indexed(text)}"))


@contextmanager
def filling(path: Path) -> Iterator[Filling]:
    raw = connect(path)
    triggers = raw.execute(TRIGGERS).fetchall()
    raw.execute("BEGIN")
    for trigger in triggers:
        raw.execute(f"DROP TRIGGER {trigger['name']}")
    yield Filling(raw)
    for trigger in triggers:
        raw.execute(trigger["sql"])
    raw.execute("COMMIT")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
