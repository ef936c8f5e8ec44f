"""An entry moves its account, so that the two cannot be told apart by anybody who writes only one of them.

A reply's entry also frees what was held for it. What guards the account against every other move stays as it was.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

MOVE = """
    UPDATE ledger_accounts
    SET balance = NEW.balance_after, sequence = NEW.sequence, last_hash = NEW.hash, held = held - COALESCE((
        SELECT tokens FROM holds WHERE NEW.kind = 'usage' AND id = NEW.reference AND user_id = NEW.user_id
    ), 0)
    WHERE user_id = NEW.user_id AND sequence + 1 = NEW.sequence AND balance + NEW.tokens = NEW.balance_after;
"""
TRIGGER = "CREATE TRIGGER ledger_entries_move_their_account AFTER INSERT ON ledger_entries"
ON_SQLITE = (f"{TRIGGER} BEGIN {MOVE} END",)
# One trigger instead of two: where the chain does not continue, there is no row to move.
ON_POSTGRES = (
    "DROP TRIGGER ledger_entries_continue_the_chain ON ledger_entries",
    f"""CREATE OR REPLACE FUNCTION an_entry_continues_the_chain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        {MOVE}
        IF NOT FOUND THEN RAISE EXCEPTION 'an entry continues the chain'; END IF;
        RETURN NULL;
    END $$""",
    f"{TRIGGER} FOR EACH ROW EXECUTE FUNCTION an_entry_continues_the_chain()",
)
BACK_ON_POSTGRES = (
    "DROP TRIGGER ledger_entries_move_their_account ON ledger_entries",
    """CREATE OR REPLACE FUNCTION an_entry_continues_the_chain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NOT EXISTS (
            SELECT 1 FROM ledger_accounts
            WHERE user_id = NEW.user_id AND sequence + 1 = NEW.sequence AND balance + NEW.tokens = NEW.balance_after
        ) THEN RAISE EXCEPTION 'an entry continues the chain'; END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER ledger_entries_continue_the_chain BEFORE INSERT ON ledger_entries
       FOR EACH ROW EXECUTE FUNCTION an_entry_continues_the_chain()""",
)


def upgrade() -> None:
    _run(ON_SQLITE if _on_sqlite() else ON_POSTGRES)


def downgrade() -> None:
    _run(("DROP TRIGGER ledger_entries_move_their_account",) if _on_sqlite() else BACK_ON_POSTGRES)


def _on_sqlite() -> bool:
    return bool(op.get_bind().dialect.name == "sqlite")


def _run(statements: tuple[str, ...]) -> None:
    for statement in statements:
        op.execute(statement)
