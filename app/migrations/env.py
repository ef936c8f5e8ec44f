"""What Alembic runs; the connection is handed in by `app.migrations`, which owns the transaction."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
