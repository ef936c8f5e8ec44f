"""Accounts, sign-ins, throttled doors and idempotency keys."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

TABLES = ("idempotency_keys", "tries", "password_resets", "sign_ins", "users")
STATEMENTS = (
    """
    CREATE TABLE users (
        id VARCHAR NOT NULL PRIMARY KEY,
        email VARCHAR NOT NULL UNIQUE,
        name VARCHAR NOT NULL,
        password_hash VARCHAR NOT NULL,
        role VARCHAR NOT NULL CHECK (role IN ('user', 'subscriber', 'admin')),
        sessions_not_before TIMESTAMPTZ NOT NULL,
        disabled_at TIMESTAMPTZ,
        created_at TIMESTAMPTZ NOT NULL,
        updated_at TIMESTAMPTZ NOT NULL
    )
    """,
    """
    CREATE TABLE sign_ins (
        id VARCHAR NOT NULL PRIMARY KEY,
        user_id VARCHAR NOT NULL REFERENCES users (id),
        agent VARCHAR NOT NULL,
        place VARCHAR NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        expires_at TIMESTAMPTZ NOT NULL,
        ended_at TIMESTAMPTZ
    )
    """,
    "CREATE INDEX ix_sign_ins_user_id ON sign_ins (user_id, created_at, id)",
    "CREATE INDEX ix_sign_ins_place ON sign_ins (user_id, place)",
    """
    CREATE TABLE password_resets (
        token_hash VARCHAR NOT NULL PRIMARY KEY,
        user_id VARCHAR NOT NULL REFERENCES users (id),
        created_at TIMESTAMPTZ NOT NULL,
        expires_at TIMESTAMPTZ NOT NULL,
        used_at TIMESTAMPTZ
    )
    """,
    "CREATE INDEX ix_password_resets_user_id ON password_resets (user_id)",
    """
    CREATE TABLE tries (
        door VARCHAR NOT NULL PRIMARY KEY,
        count BIGINT NOT NULL CHECK (count >= 0),
        window_ends_at TIMESTAMPTZ NOT NULL
    )
    """,
    "CREATE INDEX ix_tries_window_ends_at ON tries (window_ends_at)",
    """
    CREATE TABLE idempotency_keys (
        user_id VARCHAR NOT NULL,
        key VARCHAR NOT NULL,
        fingerprint VARCHAR NOT NULL,
        status INTEGER,
        headers VARCHAR,
        body VARCHAR,
        stream_id VARCHAR,
        claimed_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (user_id, key)
    )
    """,
    "CREATE INDEX ix_idempotency_keys_claimed_at ON idempotency_keys (claimed_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
