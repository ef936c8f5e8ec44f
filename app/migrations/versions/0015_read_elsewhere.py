"""When somebody last read a reply in another worker, so that its own does not give it up as unread.

Workers told each other through Redis only, and a reply whose reader was there all along was given up while that was
away.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("ALTER TABLE turns ADD COLUMN read_at TIMESTAMPTZ")


def downgrade() -> None:
    op.execute("ALTER TABLE turns DROP COLUMN read_at")
