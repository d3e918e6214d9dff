"""The schema that the migrations make is the schema that the statements are written for."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable

from gateway.core.transaction import Change
from gateway.ledger import (
    LedgerBusyError,
    LedgerUnavailableError,
    SchemaOutOfDateError,
    migrate,
    migrating,
    open_ledger,
    postgres_connection,
)
from gateway.ledger import postgres as postgres_module
from gateway.ledger.migrating import MIGRATIONS
from gateway.ledger.schema import REVISION, metadata

Make = Callable[..., Change]


def test_the_program_knows_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_migrating_says_what_it_did(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deeper/ledger.db"
    assert migrate(url) == f"ledger at revision {REVISION} (was empty)"
    assert migrate(url) == f"ledger at revision {REVISION} already"


def test_a_migrated_sqlite_ledger_has_the_tables_of_the_schema(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/ledger.db")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    engine = sa.create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as bound:
        assert compare_metadata(MigrationContext.configure(bound), metadata) == []
    connection.close()
    engine.dispose()
    # compare_metadata does not see partial indexes, defaults or cascades; the text of the tables does.
    with_schema = sqlite3.connect(":memory:")
    for table in metadata.sorted_tables:
        with_schema.execute(str(CreateTable(table).compile(dialect=sa.create_engine("sqlite://").dialect)))
        for index in table.indexes:
            with_schema.execute(str(CreateIndex(index).compile(dialect=sa.create_engine("sqlite://").dialect)))
    migrated = sqlite3.connect(tmp_path / "ledger.db")
    assert described(migrated) == described(with_schema)
    with_schema.close()
    migrated.close()


def described(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Each object's definition as its parts in alphabetical order: constraints may stand in any, and a column that a
    migration has added stands in the line of the one before."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {
        name: sorted(line.strip().rstrip(",") for line in sql.replace(", ", ",\n").splitlines() if line.strip())
        for name, sql in found
        if name != "alembic_version"
    }


def test_a_migrated_postgresql_ledger_has_the_tables_of_the_schema(postgres: Any) -> None:
    migrated = postgres.new_database()
    postgres.execute("postgres", "CREATE DATABASE by_schema")
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects are not annotated
    tables = metadata.sorted_tables
    indexes = itertools.chain.from_iterable(table.indexes for table in tables)
    statements: list[CreateTable | CreateIndex] = [*map(CreateTable, tables), *map(CreateIndex, indexes)]
    postgres.execute("by_schema", *(str(statement.compile(dialect=dialect)) for statement in statements))

    def described_by(database: str) -> list[Any]:
        columns = postgres.execute(
            database,
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2",
        )
        constraints = postgres.execute(
            database,
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 "
            "AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2",
        )
        found = postgres.execute(
            database,
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
            "AND tablename <> 'alembic_version' ORDER BY 1",
        )
        return [*columns, *constraints, *found]

    assert described_by(migrated) == described_by("by_schema")


async def test_an_empty_ledger_is_refused_where_it_may_not_be_migrated(database: Any, tmp_path: Path) -> None:
    if database.kind == "sqlite":
        empty = open_ledger(f"sqlite:///{tmp_path}/empty.db", migrate=False)
    else:
        await database.execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        empty = open_ledger(database.url)
    with pytest.raises(SchemaOutOfDateError, match="gateway migrate"):
        await empty.start()


async def test_a_ledger_of_a_newer_program_is_refused(database: Any) -> None:
    await (await database.open()).close()
    await database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaOutOfDateError, match="newer program"):
        await open_ledger(database.url).start()
    with pytest.raises(SchemaOutOfDateError, match="newer program"):
        await asyncio.to_thread(migrate, database.url)


async def test_many_replicas_that_migrate_at_once_migrate_once(postgresql: Any) -> None:
    await postgresql.execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    ledgers = [open_ledger(postgresql.url, migrate=True) for _ in range(4)]
    await asyncio.gather(*(ledger.start() for ledger in ledgers))
    assert await postgresql.count("alembic_version") == 1
    for ledger in ledgers:
        await ledger.close()


async def test_a_migration_may_take_longer_than_a_command(postgresql: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index on a table of millions of rows takes minutes."""
    await postgresql.execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    monkeypatch.setattr(postgres_connection, "COMMAND_SECONDS", 1.0)
    script = migrating.upgrade_sql

    def slow(name: str, was: str | None) -> str:
        return f"SELECT pg_sleep(2);\n{script(name, was)}"

    monkeypatch.setattr(migrating, "upgrade_sql", slow)
    assert await asyncio.to_thread(migrate, postgresql.url) == f"ledger at revision {REVISION} (was empty)"


async def test_who_comes_while_another_migrates_waits_for_it(postgresql: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await back_to_0003(postgresql)
    monkeypatch.setattr(postgres_connection, "COMMAND_SECONDS", 1.0)
    other = await asyncpg.connect(postgresql.url)
    await other.execute(f"SELECT pg_advisory_lock({postgres_module._MIGRATION_LOCK})")
    migrated = asyncio.create_task(asyncio.to_thread(migrate, postgresql.url))
    done, _ = await asyncio.wait([migrated], timeout=2)
    assert not done
    await other.close()
    assert await migrated == f"ledger at revision {REVISION} (was at 0003)"


async def test_a_migration_that_a_backup_keeps_from_a_table_does_not_hold_purchases_up(
    postgresql: Any, monkeypatch: pytest.MonkeyPatch, accept: Make
) -> None:
    """Whoever comes behind one that waits to change a table waits too, also who would get on with the first one."""
    ledger = await postgresql.open()
    await back_to_0003(postgresql)
    monkeypatch.setattr(postgres_module, "TABLE_SECONDS", 0.5)
    backup = await asyncpg.connect(postgresql.url)
    await backup.execute("BEGIN")
    await backup.execute("LOCK TABLE attempts IN ACCESS SHARE MODE")
    began = time.monotonic()
    with pytest.raises(LedgerUnavailableError, match="lock timeout"):
        await asyncio.to_thread(migrate, postgresql.url)
    assert time.monotonic() - began < postgres_connection.COMMAND_SECONDS / 2
    await backup.close()
    assert await asyncio.to_thread(migrate, postgresql.url) == f"ledger at revision {REVISION} (was at 0003)"
    assert await ledger.commit(accept())
    await ledger.close()


async def back_to_0003(database: Any) -> None:
    """As the program before 0004 left it."""
    await database.execute(
        "DROP INDEX ix_attempts_equal",
        "ALTER TABLE attempts DROP COLUMN nth, DROP COLUMN dest",
        "UPDATE alembic_version SET version_num = '0003'",
    )


async def test_a_ledger_in_use_is_not_migrated(sqlite: Any) -> None:
    opened = await sqlite.open()
    with pytest.raises(LedgerBusyError):
        migrate(sqlite.url)
    await opened.close()


def test_a_server_that_is_not_there_is_said_without_its_password() -> None:
    url = "postgresql://gateway:canary-password@127.0.0.1:1/ledger"
    with pytest.raises(LedgerUnavailableError) as caught:
        migrate(url)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
