"""What was used is found by its entries, which are kept in the order of their times anyway."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("DROP INDEX ix_hold_resolutions_user_id")


def downgrade() -> None:
    op.execute("CREATE INDEX ix_hold_resolutions_user_id ON hold_resolutions (user_id, created_at, hold_id)")
