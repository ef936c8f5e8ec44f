"""A reply may come from another model than the one asked for: its resolution says which, and at what rates."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE hold_resolutions ADD COLUMN answered_by VARCHAR")
    op.execute("ALTER TABLE hold_resolutions ADD COLUMN input_rate BIGINT")
    op.execute("ALTER TABLE hold_resolutions ADD COLUMN output_rate BIGINT")


def downgrade() -> None:
    op.execute("ALTER TABLE hold_resolutions DROP COLUMN output_rate")
    op.execute("ALTER TABLE hold_resolutions DROP COLUMN input_rate")
    op.execute("ALTER TABLE hold_resolutions DROP COLUMN answered_by")
