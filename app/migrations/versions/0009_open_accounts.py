"""Who has tokens held, so that what is overdue is found without reading what has ended."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_ledger_accounts_held ON ledger_accounts (user_id) WHERE held > 0")


def downgrade() -> None:
    op.execute("DROP INDEX ix_ledger_accounts_held")
