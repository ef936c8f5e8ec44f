"""Open holds are found from the accounts that have tokens held; nobody looks for them by their time any more."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("DROP INDEX ix_holds_expires_at")


def downgrade() -> None:
    op.execute("CREATE INDEX ix_holds_expires_at ON holds (expires_at)")
