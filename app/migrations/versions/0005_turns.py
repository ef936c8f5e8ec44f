"""Turns, and the workers that run them."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

UP = (
    """
    CREATE TABLE turns (
        id VARCHAR NOT NULL PRIMARY KEY,
        user_id VARCHAR NOT NULL REFERENCES users (id),
        conversation_id VARCHAR NOT NULL,
        message_id VARCHAR NOT NULL,
        hold_id VARCHAR NOT NULL REFERENCES holds (id),
        worker VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        state VARCHAR NOT NULL CHECK (state IN ('running', 'done', 'stopped', 'failed', 'interrupted')),
        meta VARCHAR NOT NULL,
        content_from BIGINT NOT NULL CHECK (content_from >= 0),
        lengths VARCHAR NOT NULL,
        finish_reason VARCHAR,
        usage VARCHAR,
        error VARCHAR,
        end_id BIGINT,
        collapsed_at TIMESTAMPTZ,
        cost_micro_usd BIGINT,
        started_at TIMESTAMPTZ NOT NULL,
        ended_at TIMESTAMPTZ
    )
    """,
    "CREATE UNIQUE INDEX ix_turns_one_per_conversation ON turns (conversation_id) WHERE state = 'running'",
    "CREATE INDEX ix_turns_running ON turns (user_id, started_at, id) WHERE state = 'running'",
    "CREATE INDEX ix_turns_message_id ON turns (message_id)",
    "CREATE TABLE workers (id VARCHAR NOT NULL PRIMARY KEY, seen_at TIMESTAMPTZ NOT NULL)",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE workers")
    op.execute("DROP TABLE turns")
