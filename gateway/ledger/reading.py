"""Reading a ledger from beside the gateway that works on it, for bookkeeping: in pages, in constant memory.

Nothing here takes a lock of ours, writes, migrates or checkpoints, so a gateway may run on the same SQLite file or
database. Each page is one short read: a long one would hold up SQLite's checkpoints. So what is still open may change
between two pages, and what is settled reads the same in all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.core.reconcile import Purchase
from gateway.core.transaction import AttemptStatus, Transaction
from gateway.ledger import rows, values
from gateway.ledger.errors import LedgerError
from gateway.ledger.migrating import out_of_date
from gateway.ledger.place import file_of
from gateway.ledger.rows import Row
from gateway.ledger.schema import REVISION, attempts, transactions
from gateway.ledger.statements import Statement, Statements, _page

PAGE = 1_000
"""Transactions read at a time."""

Fetch = Callable[[str, tuple[Any, ...]], list[Row]]


class Reading:
    """What bookkeeping asks of a ledger. Every method may raise `LedgerError`.

    Args:
        database: `sqlite` or `postgresql`.
        fetch: runs one query and returns all its rows.
    """

    def __init__(self, database: str, fetch: Fetch) -> None:
        self._statements = Statements(database)
        self._fetch = fetch

    def count(self, start: datetime, end: datetime, provider: str | None = None) -> int:
        """How many transactions `transactions` will give, as far as is known now."""
        query = sa.select(sa.func.count()).select_from(transactions).where(*_between(), *_by(provider))
        return int(self._rows(self._compiled(query), self._window(start, end, provider))[0][0])

    def transactions(self, start: datetime, end: datetime, provider: str | None = None) -> Iterator[Transaction]:
        """Transactions with `start` ≤ created < `end`, oldest first.

        Args:
            provider: only those that this account delivered, or, where none did, tried last.
        """
        statement = self._compiled(_page(*_between(), *_by(provider), oldest_first=True))
        named = self._window(start, end, provider)
        while page := values.read_transactions(self._rows(statement, named)):
            yield from page
            named["after"] = rows.number(page[-1].id)

    def purchases(self, provider: str, start: datetime, end: datetime) -> Iterator[Purchase]:
        """Attempts at an account with `start` ≤ sent < `end`, in the order of their numbers."""
        where = (
            attempts.c.id > sa.bindparam("after", type_=sa.BigInteger),
            attempts.c.provider == sa.bindparam("provider"),
            attempts.c.started_at >= sa.bindparam("start", type_=sa.BigInteger),
            attempts.c.started_at < sa.bindparam("end", type_=sa.BigInteger),
        )
        limit = sa.bindparam("limit", type_=sa.BigInteger)
        statement = self._compiled(_purchases().where(*where).order_by(attempts.c.id).limit(limit))
        named = self._window(start, end, provider)
        while page := self._rows(statement, named):
            yield from map(_purchase, page)
            named["after"] = page[-1][0]

    def purchase(self, provider: str, ref: str) -> Purchase | None:
        """The attempt at an account with this reference of ours, whenever it was sent."""
        number = rows.number_or_none(ref)
        if number is None:
            return None
        where = (
            attempts.c.id == sa.bindparam("id", type_=sa.BigInteger),
            attempts.c.provider == sa.bindparam("provider"),
        )
        found = self._rows(self._compiled(_purchases().where(*where)), {"id": number, "provider": provider})
        return _purchase(found[0]) if found else None

    def knows(self, provider: str) -> bool:
        """Whether anything was ever bought at this account."""
        query = sa.select(attempts.c.id).where(attempts.c.provider == sa.bindparam("provider"))
        query = query.limit(sa.literal_column("1"))
        return bool(self._rows(self._compiled(query), {"provider": provider}))

    @staticmethod
    def _window(start: datetime, end: datetime, provider: str | None) -> dict[str, object]:
        # A number holds the moment that it was made at the earliest, so nothing before this one is of the window.
        first = rows.first_number(start - rows.NUMBER_SLACK) - 1
        return {
            "after": first,
            "start": rows.to_micros(start),
            "end": rows.to_micros(end),
            "limit": PAGE,
            "provider": provider,
        }

    def _compiled(self, query: sa.sql.ClauseElement) -> Statement:
        return self._statements._compile(query)  # noqa: SLF001 — statements are compiled in one way only

    def _rows(self, statement: Statement, named: dict[str, object]) -> list[Row]:
        return self._fetch(statement.sql, statement.bind(named))


@contextlib.contextmanager
def reading(url: str) -> Iterator[Reading]:
    """Read the ledger at `url` until the block ends.

    Raises:
        LedgerError: it is not there, cannot be read, or its schema does not fit this program.
    """
    file = file_of(url)
    if file is None:
        with _postgresql(url) as (name, fetch):
            _fits(name, fetch, "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL")
            yield Reading("postgresql", fetch)
    else:
        with _sqlite(file) as fetch:
            _fits(f"the ledger {file}", fetch, "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
            yield Reading("sqlite", fetch)


def _fits(name: str, fetch: Fetch, has_version: str) -> None:
    found = fetch("SELECT version_num FROM alembic_version", ()) if fetch(has_version, ()) else []
    was = str(found[0][0]) if found else None
    if was != REVISION:
        raise out_of_date(name, was)


@contextlib.contextmanager
def _sqlite(path: str) -> Iterator[Fetch]:
    from gateway.ledger.sqlite_connection import connect, meaning

    try:
        connection = connect(path, reading=True)
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger {path} cannot be opened: {error}") from None
    with contextlib.closing(connection):

        def fetch(sql: str, params: tuple[Any, ...]) -> list[Row]:
            try:
                return connection.execute(sql, params).fetchall()
            except sqlite3.Error as error:
                raise meaning(error, path) from error

        yield fetch


@contextlib.contextmanager
def _postgresql(url: str) -> Iterator[tuple[str, Fetch]]:
    import asyncpg  # type: ignore[import-untyped]  # it ships no types

    from gateway.ledger.postgres_connection import NAME, Lost, connect, meaning

    with asyncio.Runner() as runner:
        connection = runner.run(connect(url))

        def fetch(sql: str, params: tuple[Any, ...]) -> list[Row]:
            try:
                return list(runner.run(connection.fetch(sql, *params)))
            except (asyncpg.PostgresError, *Lost) as error:
                raise meaning(error) from error

        try:
            fetch("SET default_transaction_read_only = on", ())
            yield NAME, fetch
        finally:
            with contextlib.suppress(asyncpg.PostgresError, *Lost):
                runner.run(connection.close(timeout=1.0))


def _between() -> list[sa.ColumnElement[bool]]:
    return [
        transactions.c.id > sa.bindparam("after", type_=sa.BigInteger),
        transactions.c.created_at >= sa.bindparam("start", type_=sa.BigInteger),
        transactions.c.created_at < sa.bindparam("end", type_=sa.BigInteger),
    ]


def _by(provider: str | None) -> list[sa.ColumnElement[bool]]:
    if provider is None:
        return []
    last = sa.select(attempts.c.provider).where(attempts.c.transaction_id == transactions.c.id)
    last = last.order_by(attempts.c.number.desc()).limit(sa.literal_column("1"))
    return [sa.func.coalesce(transactions.c.provider, last.scalar_subquery()) == sa.bindparam("provider")]


_OF_ATTEMPT = ("id", "status", "product", "price", "expected_price", "supplier_ref", "serial", "started_at")
_OF_TRANSACTION = ("id", "client", "ref_id", "dest")


def _purchases() -> sa.Select[Any]:
    both = sa.join(attempts, transactions, attempts.c.transaction_id == transactions.c.id)
    columns = [*(attempts.c[name] for name in _OF_ATTEMPT), *(transactions.c[name] for name in _OF_TRANSACTION)]
    return sa.select(*columns).select_from(both)


def _purchase(row: Row) -> Purchase:
    ref, status, product, price, expected, supplier_ref, serial, started, transaction, client, ref_id, dest = row
    return Purchase(
        ref=rows.reference(ref),
        transaction=rows.reference(transaction),
        client=client,
        ref_id=ref_id,
        status=AttemptStatus(status),
        product=product,
        dest=dest,
        price=expected if price is None else price,
        supplier_ref=supplier_ref,
        serial=serial,
        at=rows.from_micros(started),
    )
