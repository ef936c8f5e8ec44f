"""Who left keeps a row without a name, and a mark of the address that had its welcome."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE users ADD COLUMN address_mark VARCHAR")
    op.execute("CREATE INDEX ix_users_address_mark ON users (address_mark)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_users_address_mark")
    op.execute("ALTER TABLE users DROP COLUMN address_mark")
