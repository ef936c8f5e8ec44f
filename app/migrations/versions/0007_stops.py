"""A stop that is written down, for the worker that runs the reply."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

UP = (
    "ALTER TABLE turns ADD COLUMN stop_asked_at TIMESTAMPTZ",
    "CREATE INDEX ix_turns_to_stop ON turns (worker) WHERE state = 'running' AND stop_asked_at IS NOT NULL",
)
DOWN = (
    "DROP INDEX ix_turns_to_stop",
    "ALTER TABLE turns DROP COLUMN stop_asked_at",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
