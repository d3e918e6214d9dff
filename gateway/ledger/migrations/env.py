"""How Alembic runs here: never by itself, and never with a transaction of its own.

SQLite: on the connection that the program hands over. PostgreSQL: Alembic only writes the SQL, which the program then
runs, so that no second driver is needed. Migrations must therefore be plain operations that read nothing.
"""

from __future__ import annotations

from alembic import context

from gateway.ledger.schema import metadata

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata, transactional_ddl=False, literal_binds=True)
else:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
