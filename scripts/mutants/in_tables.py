"""Faults in what the database itself refuses, on either engine: checks, keys and triggers."""

from __future__ import annotations

from scripts.mutants.fault import Fault

TABLES, MOVING = "app/migrations/versions/0002_ledger.py", "app/migrations/versions/0010_moving_entries.py"

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
    Fault(
        "an account may be removed",
        TABLES,
        "ledger_accounts_no_delete BEFORE DELETE ON ledger_accounts {refuse",
        "ledger_accounts_no_delete BEFORE DELETE ON ledger_accounts WHEN 1 = 0 {refuse",
    ),
    Fault(
        "a new hash needs no entry",
        TABLES,
        "\n    OR NEW.sequence <> OLD.sequence OR NEW.last_hash <> OLD.last_hash",
        "\n    OR NEW.sequence <> OLD.sequence",
    ),
    Fault("an account may be handed on", TABLES, "NEW.user_id <> OLD.user_id OR NEW.balance", "NEW.balance"),
    Fault("any hash will do", TABLES, " AND hash = NEW.last_hash", ""),
    Fault(
        "an old entry moves a balance",
        TABLES,
        "sequence = NEW.sequence AND NEW.sequence = OLD.sequence + 1",
        "sequence = NEW.sequence",
    ),
    Fault("a number may be skipped", TABLES, "AND sequence + 1 = NEW.sequence AND", "AND sequence < NEW.sequence AND"),
    Fault("an entry need not add up", TABLES, " AND balance + NEW.tokens = NEW.balance_after", ""),
    Fault(
        "holds may be rewritten",
        TABLES,
        '"ledger_debts", "holds", "hold_resolutions")\nBEGINS',
        '"ledger_debts", "hold_resolutions")\nBEGINS',
    ),
    Fault("the end of a hold may be rewritten", TABLES, '"holds", "hold_resolutions")\nBEGINS', '"holds")\nBEGINS'),
    Fault("an account may begin with a debt", TABLES, " OR NEW.owed <> 0", ""),
)
MOVES = (
    Fault("an entry does not move the balance", MOVING, "SET balance = NEW.balance_after", "SET balance = balance"),
    Fault("an entry does not move the number", MOVING, "sequence = NEW.sequence, last", "sequence = sequence, last"),
    Fault("an entry does not move the hash", MOVING, "last_hash = NEW.hash", "last_hash = last_hash"),
    Fault("an entry moves nothing", MOVING, "), 0)\n    WHERE user_id", "), 0)\n    WHERE 1 = 0 AND user_id"),
    Fault("the entry of a reply frees nothing", MOVING, "held - COALESCE((", "held - 0 * COALESCE(("),
    Fault("any entry frees a hold", MOVING, "NEW.kind = 'usage' AND id", "id"),
    Fault(
        "an entry frees the hold of somebody else", MOVING, "NEW.reference AND user_id = NEW.user_id", "NEW.reference"
    ),
)
CHECKS = (
    Fault("owed may be negative", TABLES, "        CHECK (owed >= 0),\n", ""),
    Fault("a kind may be made up", TABLES, "'adjustment', 'debt'\n", "'adjustment', 'debt', 'gift'\n"),
    Fault("a debt may be of nothing", TABLES, " CHECK (tokens > 0),\n        created_at", ",\n        created_at"),
    Fault(
        "a hold may be of nothing", TABLES, " CHECK (tokens > 0),\n        prompt_tokens", ",\n        prompt_tokens"
    ),
    Fault("a hold's price may be negative", TABLES, " CHECK (input_rate >= 0)", ""),
    Fault("a hold may end as anything", TABLES, " CHECK (outcome IN ('settled', 'released', 'expired'))", ""),
    Fault("the house may lose less than nothing", TABLES, " CHECK (surplus >= 0)", ""),
    Fault("a hold of nobody may end", TABLES, "PRIMARY KEY REFERENCES holds (id)", "PRIMARY KEY"),
    Fault("a debt may come twice", TABLES, ",\n        PRIMARY KEY (kind, reference)", ""),
)
GUARDS_OF_POSTGRES = (
    Fault(
        "the chain has no guard on Postgres",
        MOVING,
        "IF NOT FOUND THEN",
        "IF FALSE THEN",
        "postgres",
    ),
    Fault(
        "a balance has no guard on Postgres",
        TABLES,
        "_refusing(ENTRY, unless=BY_ITS_ENTRY)",
        '_refusing(ENTRY, unless="SELECT 1")',
        "postgres",
    ),
    Fault(
        "history may be changed",
        TABLES,
        'for change in ("UPDATE", "DELETE OR TRUNCATE")',
        'for change in ("DELETE OR TRUNCATE",)',
        "postgres",
    ),
    Fault(
        "history may be deleted",
        TABLES,
        'for change in ("UPDATE", "DELETE OR TRUNCATE")',
        'for change in ("UPDATE", "TRUNCATE")',
        "postgres",
    ),
    Fault(
        "history may be emptied",
        TABLES,
        'for change in ("UPDATE", "DELETE OR TRUNCATE")',
        'for change in ("UPDATE", "DELETE")',
        "postgres",
    ),
    Fault(
        "an account may begin full on Postgres",
        TABLES,
        "FOR EACH ROW WHEN ({BEGINS_EMPTY})",
        "FOR EACH ROW WHEN (FALSE)",
        "postgres",
    ),
    Fault(
        "an account may be removed on Postgres",
        TABLES,
        "BEFORE DELETE OR TRUNCATE ON ledger_accounts",
        "BEFORE TRUNCATE ON ledger_accounts",
        "postgres",
    ),
    Fault("a balance may be more than what holds leave", TABLES, "        CHECK (balance >= held),\n", "", "postgres"),
    Fault(
        "a reference may come twice on Postgres",
        TABLES,
        "        UNIQUE (user_id, sequence),\n        UNIQUE (kind, reference)\n",
        "        UNIQUE (user_id, sequence)\n",
        "postgres",
    ),
)
FAULTS = (*GUARDS, *MOVES, *CHECKS, *GUARDS_OF_POSTGRES)
