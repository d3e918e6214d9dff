"""How Alembic runs here: inside the transaction of the connection that the program hands over, never by itself."""

from __future__ import annotations

from alembic import context

from gateway.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller has begun, and commits
)
context.run_migrations()
