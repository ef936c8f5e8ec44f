"""The ledger: accounts, entries, debts, holds, their resolutions, and the triggers that guard them."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = (
    """
    CREATE TABLE ledger_accounts (
        user_id VARCHAR NOT NULL PRIMARY KEY REFERENCES users (id),
        balance BIGINT NOT NULL,
        held BIGINT NOT NULL,
        owed BIGINT NOT NULL,
        sequence BIGINT NOT NULL,
        last_hash VARCHAR NOT NULL,
        CHECK (held >= 0),
        CHECK (balance >= held),
        CHECK (owed >= 0),
        CHECK (sequence >= 0)
    )
    """,
    """
    CREATE TABLE ledger_entries (
        id VARCHAR NOT NULL PRIMARY KEY,
        user_id VARCHAR NOT NULL REFERENCES ledger_accounts (user_id),
        sequence BIGINT NOT NULL,
        kind VARCHAR NOT NULL CHECK (kind IN (
            'welcome', 'purchase', 'subscription', 'usage', 'refund', 'dispute', 'adjustment', 'debt'
        )),
        tokens BIGINT NOT NULL CHECK (tokens <> 0),
        balance_after BIGINT NOT NULL CHECK (balance_after >= 0),
        reference VARCHAR NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        hash VARCHAR NOT NULL,
        UNIQUE (user_id, sequence),
        UNIQUE (kind, reference)
    )
    """,
    "CREATE INDEX ix_ledger_entries_created_at ON ledger_entries (user_id, created_at)",
    """
    CREATE TABLE ledger_debts (
        kind VARCHAR NOT NULL,
        reference VARCHAR NOT NULL,
        user_id VARCHAR NOT NULL REFERENCES ledger_accounts (user_id),
        tokens BIGINT NOT NULL CHECK (tokens > 0),
        created_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (kind, reference)
    )
    """,
    "CREATE INDEX ix_ledger_debts_user_id ON ledger_debts (user_id)",
    """
    CREATE TABLE holds (
        id VARCHAR NOT NULL PRIMARY KEY,
        user_id VARCHAR NOT NULL REFERENCES ledger_accounts (user_id),
        tokens BIGINT NOT NULL CHECK (tokens > 0),
        prompt_tokens BIGINT NOT NULL CHECK (prompt_tokens >= 0),
        max_tokens BIGINT NOT NULL CHECK (max_tokens >= 0),
        input_rate BIGINT NOT NULL CHECK (input_rate >= 0),
        output_rate BIGINT NOT NULL CHECK (output_rate >= 0),
        model VARCHAR NOT NULL,
        conversation_id VARCHAR,
        message_id VARCHAR,
        created_at TIMESTAMPTZ NOT NULL,
        expires_at TIMESTAMPTZ NOT NULL
    )
    """,
    "CREATE INDEX ix_holds_user_id ON holds (user_id, created_at, id)",
    "CREATE INDEX ix_holds_expires_at ON holds (expires_at)",
    "CREATE INDEX ix_holds_message_id ON holds (message_id)",
    """
    CREATE TABLE hold_resolutions (
        hold_id VARCHAR NOT NULL PRIMARY KEY REFERENCES holds (id),
        user_id VARCHAR NOT NULL,
        outcome VARCHAR NOT NULL CHECK (outcome IN ('settled', 'released', 'expired')),
        prompt_tokens BIGINT NOT NULL CHECK (prompt_tokens >= 0),
        completion_tokens BIGINT NOT NULL CHECK (completion_tokens >= 0),
        counted_by VARCHAR NOT NULL,
        charged BIGINT NOT NULL CHECK (charged >= 0),
        surplus BIGINT NOT NULL CHECK (surplus >= 0),
        balance_after BIGINT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL
    )
    """,
    "CREATE INDEX ix_hold_resolutions_user_id ON hold_resolutions (user_id, created_at, hold_id)",
    """
    CREATE TABLE leases (
        name VARCHAR NOT NULL PRIMARY KEY,
        holder VARCHAR NOT NULL,
        until TIMESTAMPTZ NOT NULL
    )
    """,
)

HISTORY = ("ledger_entries", "ledger_debts", "holds", "hold_resolutions")
BEGINS_EMPTY = "NEW.balance <> 0 OR NEW.held <> 0 OR NEW.owed <> 0 OR NEW.sequence <> 0"
CONTINUES = """
    SELECT 1 FROM ledger_accounts
    WHERE user_id = NEW.user_id AND sequence + 1 = NEW.sequence AND balance + NEW.tokens = NEW.balance_after
"""
MOVES = """NEW.user_id <> OLD.user_id OR NEW.balance <> OLD.balance
    OR NEW.sequence <> OLD.sequence OR NEW.last_hash <> OLD.last_hash"""
BY_ITS_ENTRY = """
    SELECT 1 FROM ledger_entries
    WHERE user_id = OLD.user_id AND NEW.user_id = OLD.user_id
      AND sequence = NEW.sequence AND NEW.sequence = OLD.sequence + 1
      AND balance_after = NEW.balance AND tokens = NEW.balance - OLD.balance AND hash = NEW.last_hash
"""
NO_CHANGE, EMPTY = "history is only added to", "an account begins empty"
CHAIN, ENTRY = "an entry continues the chain", "a balance moves by its newest entry"
# SQLite's connections bring the same function with them, so that one query serves both.
UTC_DAY = """
CREATE FUNCTION utc_day(moment TIMESTAMPTZ) RETURNS VARCHAR LANGUAGE sql IMMUTABLE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD')
"""


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in (*TABLES, *(_sqlite_triggers() if on_sqlite else _postgres_triggers())):
        op.execute(statement)


def downgrade() -> None:
    for table in ("leases", "hold_resolutions", "holds", "ledger_debts", "ledger_entries", "ledger_accounts"):
        op.execute(f"DROP TABLE {table}")
    if op.get_bind().dialect.name != "sqlite":
        for message in (NO_CHANGE, EMPTY, CHAIN, ENTRY):
            op.execute(f"DROP FUNCTION {_function(message)}()")
        op.execute("DROP FUNCTION utc_day(TIMESTAMPTZ)")


def _sqlite_triggers() -> list[str]:
    refuse = "BEGIN SELECT RAISE(ABORT, '{}'); END"
    return [
        *(
            f"CREATE TRIGGER {table}_no_{change} BEFORE {change.upper()} ON {table} {refuse.format(NO_CHANGE)}"
            for table in HISTORY
            for change in ("update", "delete")
        ),
        f"""CREATE TRIGGER ledger_accounts_no_delete BEFORE DELETE ON ledger_accounts {refuse.format(NO_CHANGE)}""",
        f"""CREATE TRIGGER ledger_accounts_begin_empty BEFORE INSERT ON ledger_accounts
            WHEN {BEGINS_EMPTY} {refuse.format(EMPTY)}""",
        f"""CREATE TRIGGER ledger_entries_continue_the_chain BEFORE INSERT ON ledger_entries
            WHEN NOT EXISTS ({CONTINUES}) {refuse.format(CHAIN)}""",
        f"""CREATE TRIGGER ledger_accounts_move_by_entries BEFORE UPDATE ON ledger_accounts
            WHEN ({MOVES}) AND NOT EXISTS ({BY_ITS_ENTRY}) {refuse.format(ENTRY)}""",
    ]


def _postgres_triggers() -> list[str]:
    return [
        UTC_DAY,
        _refusing(NO_CHANGE),
        *(
            f"""CREATE TRIGGER {table}_no_{change.split()[0].lower()} BEFORE {change} ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION {_function(NO_CHANGE)}()"""
            for table in HISTORY
            for change in ("UPDATE", "DELETE OR TRUNCATE")
        ),
        f"""CREATE TRIGGER ledger_accounts_no_delete BEFORE DELETE OR TRUNCATE ON ledger_accounts
            FOR EACH STATEMENT EXECUTE FUNCTION {_function(NO_CHANGE)}()""",
        _refusing(EMPTY),
        f"""CREATE TRIGGER ledger_accounts_begin_empty BEFORE INSERT ON ledger_accounts
            FOR EACH ROW WHEN ({BEGINS_EMPTY}) EXECUTE FUNCTION {_function(EMPTY)}()""",
        _refusing(CHAIN, unless=CONTINUES),
        f"""CREATE TRIGGER ledger_entries_continue_the_chain BEFORE INSERT ON ledger_entries
            FOR EACH ROW EXECUTE FUNCTION {_function(CHAIN)}()""",
        _refusing(ENTRY, unless=BY_ITS_ENTRY),
        f"""CREATE TRIGGER ledger_accounts_move_by_entries BEFORE UPDATE ON ledger_accounts
            FOR EACH ROW WHEN ({MOVES}) EXECUTE FUNCTION {_function(ENTRY)}()""",
    ]


def _refusing(message: str, *, unless: str = "") -> str:
    refuse = f"RAISE EXCEPTION '{message}';"
    body = f"IF NOT EXISTS ({unless}) THEN {refuse} END IF; RETURN NEW;" if unless else refuse
    return f"CREATE FUNCTION {_function(message)}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _function(message: str) -> str:
    return message.replace(" ", "_")
