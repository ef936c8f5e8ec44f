"""Faults in what ends, audits and meters holds, in the writer below, and in what the database itself refuses."""

from __future__ import annotations

from scripts.mutants.fault import Fault

EXPIRY, AUDIT, METER = "app/ledger/expiry.py", "app/ledger/audit.py", "app/metering/meter.py"
WRITER, CONNECTION = "app/engines/group_commit.py", "app/engines/sqlite_session.py"
TABLES = "app/migrations/versions/0002_ledger.py"

HOLDS_THAT_END_BY_THEMSELVES = (
    Fault("a hold expires before its time", EXPIRY, "WHERE expires_at <= now() AND", "WHERE"),
    Fault("a hold never expires", EXPIRY, "expires_at <= now()", "expires_at > now()"),
    Fault("an old hold is swept, a new one is not", EXPIRY, "expires_at > $1", "expires_at <= $1"),
    Fault("what has ended is swept again", EXPIRY, " AND hold_resolutions.hold_id IS NULL", ""),
    Fault("a sweep ends after one batch", EXPIRY, "if len(found) < BATCH or", "if ended >= 0 or"),
    Fault("a hold that cannot end keeps others", EXPIRY, "        return False\n", "        raise\n"),
    Fault("an expiry is called a release", EXPIRY, 'hold_id, "expired", Used()', 'hold_id, "released", Used()'),
)
AUDITS = (
    Fault("tokens out of nothing pass", AUDIT, "HAVING balance <> COALESCE", "HAVING balance < COALESCE"),
    Fault("tokens that vanished pass", AUDIT, "HAVING balance <> COALESCE", "HAVING balance > COALESCE"),
    Fault("a stuck hold passes", AUDIT, "HAVING held <> COALESCE", "HAVING held < COALESCE"),
    Fault("a debt that vanished passes", AUDIT, "WHERE owed <> COALESCE", "WHERE owed > COALESCE"),
    Fault(
        "a gap passes",
        AUDIT,
        "balance_after <> before + tokens OR sequence <> place",
        "balance_after <> before + tokens",
    ),
    Fault("a charge beyond its hold passes", AUDIT, " OR charged > holds.tokens", ""),
    Fault("usage without a hold passes", AUDIT, "'usage' AND hold_resolutions.hold_id IS NULL", "'usage' AND 1 = 0"),
    Fault("an account with another last hash passes", AUDIT, "OR last_hash <> COALESCE", "OR '' = COALESCE"),
    Fault(
        "an altered entry is verified", AUDIT, 'row["hash"]) != (count, balance, right)', "0) != (count, balance, 0)"
    ),
    Fault(
        "only the first batch is verified", AUDIT, "        if len(rows) < BATCH:\n", "        if rows is not None:\n"
    ),
)
METERING = (
    Fault("a reply is not cut to the balance", METER, "cut = min(max_tokens, affordable)", "cut = max_tokens"),
    Fault("a reply of one token is a reply", METER, "cut >= min(max_tokens, REPLY_TOKENS_MIN)", "cut > 0"),
    Fault(
        "who leaves is not charged",
        METER,
        "await asyncio.shield(self._begin_to_settle(held))",
        "await self._settle(held)",
    ),
    Fault("who leaves at the door leaves a hold", METER, "                self._begin_to_settle(held)\n", ""),
    Fault("a settlement gives up", METER, 'log.warning("settlement_waits", hold=held.id)', "raise"),
    Fault("what was used is released", METER, "    if held.used is None:\n", "    if held.used is not None:\n"),
    Fault(
        "a race for the balance is lost",
        METER,
        "                if not offer.affordable:\n",
        "                if offer:\n",
    ),
    Fault("the house's loss is in no metric", METER, "inc(held.resolution.surplus)", "inc(0)"),
)
WRITING = (
    Fault("what failed is committed", WRITER, "                self._undo(group)\n", "                pass\n"),
    Fault("what failed is released", WRITER, 'execute("ROLLBACK TO unit")', 'execute("SELECT 1")'),
    Fault("it is acknowledged before it is durable", WRITER, "        await asyncio.shield(group.committed)\n", ""),
    Fault("a commit is a rollback", WRITER, "await self._connection.commit()", "await self._connection.rollback()"),
    Fault("a failed commit is acknowledged", WRITER, "self._end(group, problem)", "self._end(group, None)"),
    Fault("a full disk is not mentioned", WRITER, "self._end(group, DatabaseUnavailable())", "self._end(group, None)"),
    Fault("nobody is told after a commit", WRITER, "                effect()\n", "                pass\n"),
    Fault(
        "what failed is told",
        WRITER,
        "        if problem is None:\n            group.committed.set_result(None)\n",
        "        if problem is not None or not group.committed.set_result(None):\n",
    ),
    Fault(
        "who leaves the queue takes the baton along",
        WRITER,
        "if turn.done() and not turn.cancelled():",
        "if turn is None:",
    ),
    Fault("a lock is not asked for beforehand", WRITER, '"BEGIN IMMEDIATE"', '"BEGIN"'),
    Fault("another process is not waited for", WRITER, "error.sqlite_errorcode != sqlite3.SQLITE_BUSY or", "error or"),
    Fault("a commit need not reach the disk", CONNECTION, "synchronous=FULL", "synchronous=NORMAL"),
    Fault("history can be replaced", CONNECTION, '"recursive_triggers=ON", ', ""),
)
GUARDS = (
    Fault("the chain has no guard", TABLES, "WHEN NOT EXISTS ({CONTINUES}) {refuse", "WHEN 1 = 0 {refuse"),
    Fault("a balance has no guard", TABLES, "WHEN ({MOVES}) AND NOT EXISTS ({BY_ITS_ENTRY})", "WHEN 1 = 0"),
    Fault(
        "a balance moves with any entry",
        TABLES,
        "balance_after = NEW.balance AND tokens = NEW.balance - OLD.balance AND",
        "1 = 1 AND",
    ),
    Fault(
        "an account may begin full", TABLES, "            WHEN {BEGINS_EMPTY} {refuse", "            WHEN 1 = 0 {refuse"
    ),
    Fault(
        "debts have no guard", TABLES, 'HISTORY = ("ledger_entries", "ledger_debts", ', 'HISTORY = ("ledger_entries", '
    ),
    Fault("entries may be deleted", TABLES, 'for change in ("update", "delete")', 'for change in ("update",)'),
    Fault("held may be more than there is", TABLES, "        CHECK (balance >= held),\n", ""),
    Fault("held may be negative", TABLES, "        CHECK (held >= 0),\n", ""),
    Fault(
        "a reference may come twice",
        TABLES,
        "        UNIQUE (user_id, sequence),\n        UNIQUE (kind, reference)\n",
        "        UNIQUE (user_id, sequence)\n",
    ),
    Fault("a number may come twice", TABLES, "        UNIQUE (user_id, sequence),\n", ""),
    Fault(
        "a hold may have two ends",
        TABLES,
        "hold_id VARCHAR NOT NULL PRIMARY KEY REFERENCES",
        "hold_id VARCHAR NOT NULL REFERENCES",
    ),
    Fault("an entry may be of nothing", TABLES, " CHECK (tokens <> 0)", ""),
    Fault("a charge may be negative", TABLES, " CHECK (charged >= 0)", ""),
)
FAULTS = (*HOLDS_THAT_END_BY_THEMSELVES, *AUDITS, *METERING, *WRITING, *GUARDS)
