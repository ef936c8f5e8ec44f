"""What must always be true of the ledger, as questions whose every answer is a broken promise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.db import Row, Session
from app.ledger.chain import BEGINNING, Link, entry_hash

BATCH = 1000
# The books are read account by account, in parts of about so many entries. Behind the last id of a user is nobody.
PART_ENTRIES, PART_ACCOUNTS, EVERYBODY = 2000, 200, "v"
PART = "SELECT user_id, sequence FROM ledger_accounts WHERE user_id > $1 ORDER BY user_id LIMIT $2"

# Of the accounts behind one and up to another. `kind || ''` keeps SQLite from going by the kind of nearly all entries.
QUESTIONS = {
    "balance is not the sum of its entries": """
        SELECT ledger_accounts.user_id AS about, balance AS found, COALESCE(SUM(tokens), 0) AS expected
        FROM ledger_accounts LEFT JOIN ledger_entries ON ledger_entries.user_id = ledger_accounts.user_id
        WHERE ledger_accounts.user_id > $1 AND ledger_accounts.user_id <= $2
        GROUP BY ledger_accounts.user_id, balance HAVING balance <> COALESCE(SUM(tokens), 0)
    """,
    "held is not the sum of the open holds": """
        SELECT ledger_accounts.user_id AS about, held AS found, COALESCE(SUM(open.tokens), 0) AS expected
        FROM ledger_accounts LEFT JOIN (
            SELECT holds.user_id, tokens FROM holds
            LEFT JOIN hold_resolutions ON hold_resolutions.hold_id = holds.id
            WHERE holds.user_id > $1 AND holds.user_id <= $2 AND hold_resolutions.hold_id IS NULL
        ) AS open ON open.user_id = ledger_accounts.user_id
        WHERE ledger_accounts.user_id > $1 AND ledger_accounts.user_id <= $2
        GROUP BY ledger_accounts.user_id, held HAVING held <> COALESCE(SUM(open.tokens), 0)
    """,
    "owed is not the debts less what was paid": """
        SELECT ledger_accounts.user_id AS about, owed AS found,
            COALESCE((SELECT SUM(tokens) FROM ledger_debts WHERE user_id = ledger_accounts.user_id), 0)
            + COALESCE((SELECT SUM(tokens) FROM ledger_entries
                        WHERE user_id = ledger_accounts.user_id AND kind = 'debt'), 0) AS expected
        FROM ledger_accounts WHERE user_id > $1 AND user_id <= $2
        AND owed <> COALESCE((SELECT SUM(tokens) FROM ledger_debts WHERE user_id = ledger_accounts.user_id), 0)
            + COALESCE((SELECT SUM(tokens) FROM ledger_entries
                        WHERE user_id = ledger_accounts.user_id AND kind = 'debt'), 0)
    """,
    "an entry does not follow the one before it": """
        SELECT id AS about, balance_after AS found, before + tokens AS expected FROM (
            SELECT id, sequence, tokens, balance_after,
                COALESCE(LAG(balance_after) OVER (PARTITION BY user_id ORDER BY sequence), 0) AS before,
                ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY sequence) AS place
            FROM ledger_entries WHERE user_id > $1 AND user_id <= $2
        ) AS chain WHERE balance_after <> before + tokens OR sequence <> place
    """,
    "an account is not at its newest entry": f"""
        SELECT ledger_accounts.user_id AS about, ledger_accounts.sequence AS found,
            COALESCE(newest.sequence, 0) AS expected
        FROM ledger_accounts LEFT JOIN ledger_entries AS newest
            ON newest.user_id = ledger_accounts.user_id AND newest.sequence = (
                SELECT MAX(sequence) FROM ledger_entries WHERE user_id = ledger_accounts.user_id)
        WHERE ledger_accounts.user_id > $1 AND ledger_accounts.user_id <= $2
          AND (ledger_accounts.sequence <> COALESCE(newest.sequence, 0)
               OR last_hash <> COALESCE(newest.hash, '{BEGINNING}'))
    """,
    "a hold was not charged as it was resolved": """
        SELECT hold_resolutions.hold_id AS about, charged AS found, COALESCE(-ledger_entries.tokens, 0) AS expected
        FROM hold_resolutions JOIN holds ON holds.id = hold_resolutions.hold_id
        LEFT JOIN ledger_entries ON kind = 'usage' AND reference = hold_id
        WHERE holds.user_id > $1 AND holds.user_id <= $2
          AND (charged <> COALESCE(-ledger_entries.tokens, 0) OR charged > holds.tokens
               OR hold_resolutions.user_id <> holds.user_id)
    """,
    "tokens were used without a hold": """
        SELECT ledger_entries.id AS about, ledger_entries.tokens AS found, 0 AS expected
        FROM ledger_entries LEFT JOIN hold_resolutions ON hold_resolutions.hold_id = ledger_entries.reference
        WHERE ledger_entries.user_id > $1 AND ledger_entries.user_id <= $2
          AND ledger_entries.kind || '' = 'usage' AND hold_resolutions.hold_id IS NULL
    """,
}


@dataclass(frozen=True)
class Difference:
    what: str
    about: str
    found: int
    expected: int

    def __str__(self) -> str:
        return f"{self.what}: {self.about} has {self.found}, expected {self.expected}"


@dataclass(frozen=True)
class Verdict:
    """`first_bad` is the sequence of the first entry that does not carry the right hash."""

    entries: int
    first_bad: int | None

    @property
    def ok(self) -> bool:
        return self.first_bad is None


async def part(session: Session, after: str = "") -> str:
    """The last of the next few accounts, which have not many entries together, unless one alone has."""
    rows = await session.rows(PART, after, PART_ACCOUNTS)
    entries = 0
    for row in rows:
        entries += row["sequence"]
        if entries >= PART_ENTRIES:
            return str(row["user_id"])
    return str(rows[-1]["user_id"]) if len(rows) == PART_ACCOUNTS else EVERYBODY


async def differences(session: Session, after: str = "", last: str = EVERYBODY) -> list[Difference]:
    """What is wrong with the accounts behind one and up to another: of everybody, unless they are named."""
    return [
        Difference(what, str(row["about"]), int(row["found"]), int(row["expected"]))
        for what, question in QUESTIONS.items()
        for row in await session.rows(question, after, last)
    ]


async def broken_chains(session: Session) -> list[Difference]:
    """Every account's chain, hash by hash: slower than the questions, and it sees what they cannot."""
    found = []
    for row in await session.rows("SELECT user_id FROM ledger_accounts ORDER BY user_id"):
        verdict = await verify(session, row["user_id"])
        if verdict.first_bad is not None:
            found.append(Difference("a hash is wrong", row["user_id"], verdict.first_bad, 0))
    return found


async def verify(session: Session, user_id: str) -> Verdict:
    before, balance, count = BEGINNING, 0, 0
    async for row in _chain(session, user_id):
        count += 1
        balance += row["tokens"]
        link = Link(user_id, count, row["kind"], row["tokens"], balance, row["reference"], row["created_at"])
        right = entry_hash(before, link)
        if (row["sequence"], row["balance_after"], row["hash"]) != (count, balance, right):
            return Verdict(count, row["sequence"])
        before = row["hash"]
    return Verdict(count, None)


async def _chain(session: Session, user_id: str) -> AsyncIterator[Row]:
    seen = 0
    while True:
        rows = await session.rows(
            "SELECT * FROM ledger_entries WHERE user_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
            *(user_id, seen, BATCH),
        )
        for row in rows:
            yield row
        if len(rows) < BATCH:
            return
        seen = rows[-1]["sequence"]
