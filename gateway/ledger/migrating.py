"""Bringing the schema up to date with Alembic. Whoever is up to date already never loads Alembic."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from gateway.ledger.errors import SchemaOutOfDateError
from gateway.ledger.schema import REVISION

MIGRATIONS = Path(__file__).with_name("migrations")


def bring_up_to_date(connection: sqlite3.Connection, path: str, *, migrate: bool) -> str | None:
    """See that a SQLite ledger has this program's schema. Returns the revision that it had before.

    Raises:
        SchemaOutOfDateError: it has not, and `migrate` is false, or it was made by a newer program.
    """
    was = _revision(connection)
    if was == REVISION:
        return was
    if not migrate:
        raise out_of_date(f"the ledger {path}", was)
    engine = sa.create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool, pool_reset_on_return=None)
    with engine.connect() as bound:
        bound.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            upgrade(bound, f"the ledger {path}", was)
            bound.exec_driver_sql("COMMIT")
        except BaseException:
            if connection.in_transaction:
                bound.exec_driver_sql("ROLLBACK")
            raise
    return was


def upgrade(connection: sa.Connection, name: str, was: str | None) -> None:
    """Run the migrations that are missing, inside the connection's transaction.

    Raises:
        SchemaOutOfDateError: the ledger was made by a newer program.
    """
    _alembic(name, was, connection)


def upgrade_sql(name: str, was: str | None) -> str:
    """The SQL of the migrations that are missing, for PostgreSQL.

    Raises:
        SchemaOutOfDateError: the ledger was made by a newer program.
    """
    return _alembic(name, was, None)


def _alembic(name: str, was: str | None, connection: sa.Connection | None) -> str:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    script = io.StringIO()
    config = Config(output_buffer=script)
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        if connection is None:
            command.upgrade(config, f"{was or 'base'}:head", sql=True)
        else:
            command.upgrade(config, "head")
    except CommandError as error:
        if was is not None and was < REVISION:
            unknown = f"{name} is at revision {was}, which this program does not know: run the program that made it"
            raise SchemaOutOfDateError(unknown) from error
        raise out_of_date(name, was) from error
    return script.getvalue()


def out_of_date(name: str, was: str | None) -> SchemaOutOfDateError:
    if was is None:
        return SchemaOutOfDateError(f"{name} has no tables yet: run `gateway migrate`")
    if was > REVISION:
        return SchemaOutOfDateError(
            f"{name} is at revision {was}, and this program knows {REVISION}: run the newer program"
        )
    return SchemaOutOfDateError(
        f"{name} is at revision {was}, and this program needs {REVISION}: run `gateway migrate`"
    )


def _revision(connection: sqlite3.Connection) -> str | None:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def told(was: str | None) -> str:
    """One line for the person who ran `gateway migrate`."""
    if was == REVISION:
        return f"ledger at revision {REVISION} already"
    return f"ledger at revision {REVISION} (was {'empty' if was is None else 'at ' + was})"
