"""Packages, orders, plans, grants and returns of tokens, and what Stripe told us."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

UP = (
    """
    CREATE TABLE packages (
        id VARCHAR NOT NULL PRIMARY KEY,
        name VARCHAR NOT NULL,
        description VARCHAR NOT NULL,
        tokens BIGINT NOT NULL CHECK (tokens > 0),
        price_cents BIGINT NOT NULL CHECK (price_cents >= 0),
        currency VARCHAR NOT NULL,
        kind VARCHAR NOT NULL CHECK (kind IN ('once', 'month')),
        stripe_price_id VARCHAR,
        retired_at TIMESTAMPTZ,
        created_at TIMESTAMPTZ NOT NULL,
        updated_at TIMESTAMPTZ NOT NULL
    )
    """,
    """
    CREATE TABLE customers (
        user_id VARCHAR NOT NULL REFERENCES users (id),
        mode VARCHAR NOT NULL CHECK (mode IN ('sandbox', 'test', 'live')),
        stripe_id VARCHAR NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (user_id, mode)
    )
    """,
    """
    CREATE TABLE orders (
        id VARCHAR NOT NULL PRIMARY KEY,
        user_id VARCHAR NOT NULL REFERENCES users (id),
        mode VARCHAR NOT NULL CHECK (mode IN ('sandbox', 'test', 'live')),
        package_id VARCHAR NOT NULL REFERENCES packages (id),
        kind VARCHAR NOT NULL CHECK (kind IN ('once', 'month')),
        name VARCHAR NOT NULL,
        tokens BIGINT NOT NULL CHECK (tokens > 0),
        price_cents BIGINT NOT NULL CHECK (price_cents >= 0),
        currency VARCHAR NOT NULL,
        stripe_price_id VARCHAR,
        state VARCHAR NOT NULL CHECK (state IN ('open', 'pending', 'paid', 'failed', 'expired', 'ended')),
        session_id VARCHAR UNIQUE,
        created_at TIMESTAMPTZ NOT NULL,
        updated_at TIMESTAMPTZ NOT NULL,
        paid_at TIMESTAMPTZ
    )
    """,
    "CREATE UNIQUE INDEX ix_orders_one_open ON orders (user_id, mode, package_id) WHERE state = 'open'",
    "CREATE UNIQUE INDEX ix_orders_one_plan ON orders (user_id, mode) "
    "WHERE kind = 'month' AND state IN ('open', 'pending', 'paid')",
    "CREATE INDEX ix_orders_user_id ON orders (user_id, created_at, id)",
    "CREATE INDEX ix_orders_unfinished ON orders (mode, created_at) WHERE state IN ('open', 'pending')",
    """
    CREATE TABLE plans (
        id VARCHAR NOT NULL PRIMARY KEY,
        order_id VARCHAR NOT NULL REFERENCES orders (id),
        user_id VARCHAR NOT NULL REFERENCES users (id),
        status VARCHAR NOT NULL,
        period_ends_at TIMESTAMPTZ,
        cancels_at TIMESTAMPTZ,
        ended_at TIMESTAMPTZ,
        read_at TIMESTAMPTZ NOT NULL,
        created_at TIMESTAMPTZ NOT NULL
    )
    """,
    "CREATE INDEX ix_plans_user_id ON plans (user_id, created_at, id)",
    """
    CREATE TABLE order_grants (
        reference VARCHAR NOT NULL PRIMARY KEY,
        kind VARCHAR NOT NULL CHECK (kind IN ('purchase', 'subscription')),
        order_id VARCHAR NOT NULL REFERENCES orders (id),
        user_id VARCHAR NOT NULL REFERENCES users (id),
        tokens BIGINT NOT NULL CHECK (tokens > 0),
        paid_cents BIGINT NOT NULL CHECK (paid_cents >= 0),
        currency VARCHAR NOT NULL,
        payment_intent VARCHAR,
        tokens_returned BIGINT NOT NULL CHECK (tokens_returned >= 0 AND tokens_returned <= tokens),
        cents_returned BIGINT NOT NULL CHECK (cents_returned >= 0 AND cents_returned <= paid_cents),
        created_at TIMESTAMPTZ NOT NULL
    )
    """,
    "CREATE INDEX ix_order_grants_order_id ON order_grants (order_id, created_at, reference)",
    "CREATE INDEX ix_order_grants_user_id ON order_grants (user_id)",
    "CREATE INDEX ix_order_grants_payment_intent ON order_grants (payment_intent)",
    """
    CREATE TABLE order_returns (
        id VARCHAR NOT NULL PRIMARY KEY,
        grant_reference VARCHAR NOT NULL REFERENCES order_grants (reference),
        kind VARCHAR NOT NULL CHECK (kind IN ('refund', 'dispute')),
        asked_by VARCHAR NOT NULL CHECK (asked_by IN ('user', 'operator', 'stripe')),
        stripe_id VARCHAR UNIQUE,
        cents BIGINT NOT NULL CHECK (cents >= 0),
        tokens BIGINT NOT NULL CHECK (tokens >= 0),
        state VARCHAR NOT NULL CHECK (state IN ('flagged', 'asked', 'taken', 'put_back')),
        created_at TIMESTAMPTZ NOT NULL,
        updated_at TIMESTAMPTZ NOT NULL
    )
    """,
    "CREATE INDEX ix_order_returns_grant_reference ON order_returns (grant_reference, created_at, id)",
    "CREATE UNIQUE INDEX ix_order_returns_once ON order_returns (grant_reference) "
    "WHERE asked_by = 'user' AND state <> 'put_back'",
    "CREATE INDEX ix_order_returns_asked ON order_returns (created_at) WHERE state = 'asked'",
    """
    CREATE TABLE stripe_events (
        id VARCHAR NOT NULL PRIMARY KEY,
        type VARCHAR NOT NULL,
        api_version VARCHAR NOT NULL,
        payload VARCHAR NOT NULL,
        state VARCHAR NOT NULL CHECK (state IN ('new', 'done', 'ignored', 'unmatched', 'given_up')),
        tries BIGINT NOT NULL CHECK (tries >= 0),
        received_at TIMESTAMPTZ NOT NULL,
        next_try_at TIMESTAMPTZ NOT NULL,
        handled_at TIMESTAMPTZ
    )
    """,
    "CREATE INDEX ix_stripe_events_waiting ON stripe_events (next_try_at) WHERE state = 'new'",
    "CREATE INDEX ix_stripe_events_received_at ON stripe_events (received_at)",
)
TABLES = ("packages", "customers", "orders", "plans", "order_grants", "order_returns", "stripe_events")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
