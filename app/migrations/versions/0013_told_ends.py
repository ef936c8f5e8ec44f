"""Where each reader of a reply that a crash cut short was told its ending, and not only the last of them."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("ALTER TABLE turns ADD COLUMN told_ends VARCHAR")
    op.execute("ALTER TABLE turns DROP COLUMN end_id")


def downgrade() -> None:
    op.execute("ALTER TABLE turns ADD COLUMN end_id BIGINT")
    op.execute("ALTER TABLE turns DROP COLUMN told_ends")
