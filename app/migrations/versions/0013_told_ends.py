"""Where each reader of a reply that a crash cut short was told its ending, and not only the last of them.

`end_id`, which held that one, stays until no server is left that reads it: those of the version before are still at
work while they are replaced.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("ALTER TABLE turns ADD COLUMN told_ends VARCHAR")


def downgrade() -> None:
    op.execute("ALTER TABLE turns DROP COLUMN told_ends")
